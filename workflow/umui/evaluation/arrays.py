"""What figures are computed on.

An array's last letters name its axes: N items, C clusters of items, R resamples, K sums, F figures, A annotations.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]
