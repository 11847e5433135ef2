"""How a stage says that its result must not be shared with other clones."""

import os
from pathlib import Path

PRIVATE_VARIABLE = "UMUI_PRIVATE_RESULT"


def keep_private(reason: str) -> None:
    """Tell the wrapper of this job, if there is one, that the result rests on more than the job's inputs.

    Such is a file that was missing, or a limit of time that was reached: elsewhere the same job would do better.
    """
    if file := os.environ.get(PRIVATE_VARIABLE):
        Path(file).write_text(reason, encoding="utf-8")
