"""Encode premises and run the frozen towers on them, once: later epochs, trainings and predictions reuse the results.

What the towers make of a premise depends on the model, the evidence, the precision and the machine, and not on the
premises read with it: they are read one at a time, so that results are the same to the bit with and without a cache.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import transformers

from umui.backbone.encoding import Encoder
from umui.backbone.feature_cache import FeatureCache
from umui.backbone.forward import Features, tower_features
from umui.backbone.packing import EncodedPremise
from umui.config.models import Media
from umui.evidence.decoded import Premise
from umui.files.code import code_digest
from umui.files.digests import digest_json

MAKERS = (
    "backbone.omni:load",
    "evidence.decoded:Evidence",
    "backbone.encoding:Encoder",
    "backbone.premise_reader:PremiseReader",
    "backbone.feature_cache:FeatureCache",
)
"""Where features come from: the model, what it is shown, how that is encoded and read, and how it is kept."""

MEMORY_BYTES = 4 << 30  # of what is remembered where nothing is kept on disk; beyond it premises are read anew


@dataclass(frozen=True)
class Shelf:
    """A cache on disk, and the digest of what all of a process' features depend on."""

    cache: FeatureCache
    identity: str


@contextmanager
def shelf(
    directory: Path | None, limit_mb: int, base_digest: str, media_settings: Media, thinker: Any
) -> Iterator[Shelf | None]:
    """Open the cache in `directory` for a model's features, and wait at the end until all is written."""
    if directory is None:
        yield None
        return
    device = thinker.device
    identity = {
        "base": base_digest,  # of the weights and of the processor
        "media": media_settings.model_dump(mode="json"),
        "dtype": str(thinker.dtype),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
        "versions": [torch.__version__, transformers.__version__],
        "code": code_digest(*MAKERS),
    }
    cache = FeatureCache(directory, limit_mb * 10**6)
    yield Shelf(cache, digest_json(identity))
    cache.close()


@dataclass(frozen=True)
class Prepared:
    """A premise as far as it can be read without running the towers."""

    premise: Premise
    encoded: EncodedPremise
    features: Features | None  # None: still to be computed


class PremiseReader:
    """Reads premises: `prepare` in any thread, `finish` where the model computes."""

    def __init__(
        self, encoder: Encoder, thinker: Any, shelf: Shelf | None = None, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._encoder, self._thinker, self._shelf, self._left_bytes = encoder, thinker, shelf, memory_bytes
        self._tower_weights = [*thinker.model.visual.parameters(), *thinker.model.audio_tower.parameters()]
        self._known: dict[Premise, Prepared] = {}

    def read(self, premises: Sequence[Premise]) -> tuple[list[EncodedPremise], list[Features]]:
        """Return the prefixes, and the towers' features."""
        prepared = self.prepare(premises)
        return [piece.encoded for piece in prepared], self.finish(prepared)

    def prepare(self, premises: Sequence[Premise]) -> list[Prepared]:
        """Return what is known of the premises, and encode those of which nothing is."""
        return [self._known.get(premise) or self._loaded(premise) or self._encoded(premise) for premise in premises]

    def finish(self, prepared: Sequence[Prepared]) -> list[Features]:
        """Run the towers on what they have not seen; return the features of all."""
        return [self._computed(piece) if piece.features is None else piece.features for piece in prepared]

    @property
    def _towers_train(self) -> bool:
        return any(weight.requires_grad for weight in self._tower_weights)

    def _computed(self, piece: Prepared) -> Features:
        """Run the towers; keep what they give unless they train, since it changes then."""
        if self._towers_train:
            (features,) = tower_features(self._thinker, [piece.encoded])
            return features
        with torch.no_grad():
            (features,) = tower_features(self._thinker, [piece.encoded])
        light = replace(piece, encoded=replace(piece.encoded, patches=None, mel_FT=None), features=features)
        if not self._stored(light):
            size = sum(feature.numel() * feature.element_size() for feature in features if feature is not None)
            if size <= self._left_bytes:
                self._left_bytes -= size
                self._known[piece.premise] = light
        return features

    def _encoded(self, premise: Premise) -> Prepared:
        (encoded,) = self._encoder.encode([premise])
        return Prepared(premise, encoded, None)

    def _loaded(self, premise: Premise) -> Prepared | None:
        key = None if self._towers_train else self._key(premise)
        if key is None or self._shelf is None or (found := self._shelf.cache.load(key)) is None:
            return None
        encoded = EncodedPremise(
            premise.premise_id, premise.modality, found["tokens"], found["positions"], None, found.get("grid"), None
        )
        return Prepared(premise, encoded, (found.get("frames"), found.get("sound")))

    def _stored(self, piece: Prepared) -> bool:
        key = self._key(piece.premise)
        if key is None or self._shelf is None or piece.features is None:
            return False
        encoded, (frames, sound) = piece.encoded, piece.features
        tensors = {
            "tokens": encoded.tokens_P, "positions": encoded.positions_3P, "grid": encoded.grid_3,
            "frames": frames, "sound": sound,
        }  # fmt: skip
        return self._shelf.cache.store(key, {name: value for name, value in tensors.items() if value is not None})

    def _key(self, premise: Premise) -> str | None:
        """Return the digest of all that a premise's reading depends on; None of a text, which no tower sees."""
        if self._shelf is None or (digest := self._encoder.evidence_digest(premise)) is None:
            return None
        words = self._encoder.words(premise, "")  # of the prefix alone
        return digest_json([self._shelf.identity, digest, premise.modality, words.digest])
