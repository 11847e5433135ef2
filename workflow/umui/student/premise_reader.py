"""Encode premises and run the frozen towers on them, remembering the results, since training comes back to them."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from umui.student.encoding import Encoder
from umui.student.evidence import Premise
from umui.student.omni import Omni
from umui.student.packing import EncodedPremise
from umui.student.reading import Features, tower_features

MEMORY_BYTES = 4 << 30  # of what is remembered; beyond it premises are read anew


class PremiseReader:
    """Reads premises one at a time: in company the last bits could depend on the order, and resuming be inexact."""

    def __init__(self, encoder: Encoder, omni: Omni, memory_bytes: int = MEMORY_BYTES) -> None:
        self._encoder, self._thinker, self._left_bytes = encoder, omni.thinker, memory_bytes
        self._known: dict[str, tuple[EncodedPremise, Features]] = {}

    def read(self, premises: Sequence[Premise]) -> tuple[list[EncodedPremise], list[Features]]:
        """Return the prefixes, without the towers' inputs, and the towers' features."""
        both = [self._known.get(premise.premise_id) or self._read(premise) for premise in premises]
        return [encoded for encoded, _ in both], [features for _, features in both]

    @torch.no_grad()
    def _read(self, premise: Premise) -> tuple[EncodedPremise, Features]:
        (encoded,) = self._encoder.encode([premise])
        (features,) = tower_features(self._thinker, [encoded])
        result = replace(encoded, patches=None, mel_FT=None), features
        size = sum(feature.numel() * feature.element_size() for feature in features if feature is not None)
        if size <= self._left_bytes:
            self._left_bytes -= size
            self._known[premise.premise_id] = result
        return result
