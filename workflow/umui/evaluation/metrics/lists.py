"""Which metrics are computed, which test differences, and which compare pairs: a new one joins the lists that fit."""

from umui.evaluation.metrics.agreement import KRIPPENDORFF_ALPHA, KRIPPENDORFF_ALPHA_ANNOTATORS
from umui.evaluation.metrics.calibration import ece, nll
from umui.evaluation.metrics.errors import BRIER, MAE, MSE_X100, MSE_X100_GRADED, SQUARED_DIFFERENCE_OF_MEANS
from umui.evaluation.metrics.metric import Metric
from umui.evaluation.metrics.yes_no import ACCURACY, F1, PRECISION, RECALL


def all_metrics(bins: int, clip: float) -> tuple[Metric, ...]:
    """Return the metrics of each model: `bins` of the calibration error, `clip` of the log likelihoods."""
    return (
        MSE_X100, MSE_X100_GRADED, MAE, ece(bins), nll("truth", clip), nll("label", clip), BRIER,
        ACCURACY, PRECISION, RECALL, F1, SQUARED_DIFFERENCE_OF_MEANS,
        KRIPPENDORFF_ALPHA, KRIPPENDORFF_ALPHA_ANNOTATORS,
    )  # fmt: skip


def tested_metrics(clip: float) -> tuple[Metric, ...]:
    """Return the metrics in which models are tested for a difference.

    Calibration errors are left out: their resamples are biased upwards, and not alike for two models.
    """
    return MSE_X100, MSE_X100_GRADED, ACCURACY, F1, nll("truth", clip)


COMPARED_METRICS: tuple[Metric, ...] = (MSE_X100, MSE_X100_GRADED)
"""The metrics of which pairs of models have differences and ratios."""
