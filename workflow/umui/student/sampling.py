"""Which premises and hypotheses each step trains on, as a pure function of (seed, step, rank).

Training passes over the premises again and again.  A pass shuffles the premises of each modality, cuts them into steps,
and shuffles the steps of all modalities, so that a modality has steps in proportion to its premises.  What is left over
for a modality's last step is filled up from the pass' beginning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from umui import config

Indices = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Unit:
    """A premise, by its index, and the hypotheses of it that are used, by theirs."""

    premise: int
    hypotheses: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """The micro-batches of one optimizer step, by micro-batch and rank."""

    modality: str
    batches: tuple[tuple[tuple[Unit, ...], ...], ...]

    @property
    def n_items(self) -> int:
        """The items of all micro-batches and ranks."""
        return sum(len(unit.hypotheses) for micro in self.batches for units in micro for unit in units)


class Sampler:
    """Plans the steps of a training.

    `modalities` and `n_hypotheses` are by premise.  Raises ValueError when there is no premise.
    """

    def __init__(self, settings: config.Training, modalities: Sequence[str], n_hypotheses: Sequence[int]) -> None:
        if not modalities:
            raise ValueError("no premise has a label and evidence: there is nothing to train on")
        self._settings = settings
        self._n_hypotheses = n_hypotheses
        named = np.asarray(modalities)
        self._pools: dict[str, Indices] = (
            {"mixed": np.arange(len(named))}
            if settings.batching == "mixed"
            else {str(modality): np.flatnonzero(named == modality) for modality in np.unique(named)}
        )
        self._premises_per_step = settings.premises_per_batch * settings.accumulation * settings.ranks
        self._steps_of = {name: -(-len(pool) // self._premises_per_step) for name, pool in self._pools.items()}
        self.steps_per_pass = sum(self._steps_of.values())
        self._shuffled = lru_cache(2)(self._shuffle)

    def step(self, number: int) -> Step:
        """Return what step `number`, counted from 0, trains on."""
        pass_number, place = divmod(number, self.steps_per_pass)
        order, pools = self._shuffled(pass_number)
        modality, piece = order[place]
        size = self._premises_per_step
        chosen = np.take(pools[modality], range(piece * size, (piece + 1) * size), mode="wrap")
        settings = self._settings
        shape = settings.accumulation, settings.ranks, settings.premises_per_batch
        return Step(
            modality,
            tuple(
                tuple(tuple(self._unit(int(premise), pass_number) for premise in units) for units in micro)
                for micro in chosen.reshape(shape)
            ),
        )

    def _shuffle(self, pass_number: int) -> tuple[list[tuple[str, int]], dict[str, Indices]]:
        random = np.random.default_rng([self._settings.seed, pass_number])
        pools = {name: random.permutation(pool) for name, pool in self._pools.items()}
        slots = [(name, piece) for name, pieces in self._steps_of.items() for piece in range(pieces)]
        return [slots[place] for place in random.permutation(len(slots))], pools

    def _unit(self, premise: int, pass_number: int) -> Unit:
        """Take turns over a premise's hypotheses where it has more than a micro-batch takes."""
        count, most = self._n_hypotheses[premise], self._settings.hypotheses_per_premise
        if count <= most:
            return Unit(premise, tuple(range(count)))
        shuffled = np.random.default_rng([self._settings.seed, premise]).permutation(count)
        return Unit(premise, tuple(int(shuffled[(pass_number * most + turn) % count]) for turn in range(most)))
