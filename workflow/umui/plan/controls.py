"""What each control and the oracle are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from umui.config.run import Config
from umui.plan.labels import learned_labels
from umui.plan.paths import items_of, urns

CONTROLS = ("constant", "majority", "hypothesis-only")


@dataclass(frozen=True)
class Control:
    """What a control reads, and which splits it predicts."""

    items: list[str]
    labels: list[str]
    splits: list[str]


def predicted_splits(config: Config) -> list[str]:
    """Return the evaluated splits, and the one that temperatures are fitted on."""
    fitted = config.evaluation.calibration_split
    return [*config.evaluation.splits, *([fitted] if fitted else [])]


def controls(config: Config) -> Mapping[str, Control]:
    """Return the controls by name, and where there is an urn world the oracle, which knows its truth."""
    learned = Control(items_of(config.datasets), learned_labels(config), predicted_splits(config))
    found = dict.fromkeys(CONTROLS, learned)
    if urns(config):
        found["oracle"] = Control(items_of(urns(config)), [], list(config.evaluation.splits))
    return found
