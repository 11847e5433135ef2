"""The section `evaluation` of the configuration, as most tests of figures have it."""

from umui.config.evaluation import Evaluation, HypothesisOnly

SETTINGS = Evaluation(
    splits=["test"], confidence=0.95, replicates=500, reliability_bins=10,
    probability_clip=1e-10, calibration_split="validation",
    hypothesis_only=HypothesisOnly(ngram_max=1, l2=1), seed=0,
)  # fmt: skip
