"""Which premises and hypotheses each step trains on, as a pure function of (seed, step, rank).

Training passes over the premises again and again.  A pass shuffles the premises of each modality, cuts them into steps,
and shuffles the steps of all modalities, so that a modality has steps in proportion to its premises.  What is left over
for a modality's last step is filled up from the pass' beginning.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from umui.config.students import Training

BUCKET_STEPS = 16  # within which rows are sorted by length, where batches are made by tokens
T = TypeVar("T")
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

    `modalities` and `n_hypotheses` are by premise; `width` is the tokens of a unit's row, and is asked for only under
    `tokens_per_batch`.  Raises ValueError when there is no premise.
    """

    def __init__(
        self,
        settings: Training,
        modalities: Sequence[str],
        n_hypotheses: Sequence[int],
        width: Callable[[Unit], int],
    ) -> None:
        if not modalities:
            raise ValueError("no premise has a label and evidence: there is nothing to train on")
        self._settings, self._n_hypotheses, self._width = settings, n_hypotheses, width
        named = np.asarray(modalities)
        self._pools: dict[str, Indices] = (
            {"mixed": np.arange(len(named))}
            if settings.batching == "mixed"
            else {str(modality): np.flatnonzero(named == modality) for modality in np.unique(named)}
        )
        self._micros_per_step = settings.accumulation * settings.ranks
        self._pass = lru_cache(2)(self._plan)
        self._starts = [0]

    def n_steps(self) -> int:
        """Return how many optimizer steps the training has."""
        if self._settings.steps is not None:
            return self._settings.steps
        assert self._settings.epochs is not None
        whole = math.floor(self._settings.epochs)
        before, after = self.steps_before(whole), self.steps_before(whole + 1)
        return before + math.ceil((self._settings.epochs - whole) * (after - before))

    def steps_before(self, pass_number: int) -> int:
        """Return the number of the first step of a pass, counted from 0."""
        while len(self._starts) <= pass_number:
            self._starts.append(self._starts[-1] + len(self._pass(len(self._starts) - 1)))
        return self._starts[pass_number]

    def step(self, number: int) -> Step:
        """Return what step `number`, counted from 0, trains on."""
        while self._starts[-1] <= number:
            self.steps_before(len(self._starts))
        pass_number = bisect_right(self._starts, number) - 1
        return self._pass(pass_number)[number - self._starts[pass_number]]

    def _plan(self, pass_number: int) -> list[Step]:
        random = np.random.default_rng([self._settings.seed, pass_number])
        pools = {name: random.permutation(pool) for name, pool in self._pools.items()}
        steps = [
            Step(name, micros)
            for name, pool in pools.items()
            for micros in self._steps([self._unit(int(premise), pass_number) for premise in pool])
        ]
        return [steps[place] for place in random.permutation(len(steps))]

    def _steps(self, units: list[Unit]) -> Iterator[tuple[tuple[tuple[Unit, ...], ...], ...]]:
        """Cut a modality's units into micro-batches, and these into steps; what is missing at the end is repeated."""
        size, ranks = self._settings.premises_per_batch, self._settings.ranks
        if self._settings.tokens_per_batch is None:
            units = _filled_up(units, size * self._micros_per_step)
            batches = [tuple(units[start : start + size]) for start in range(0, len(units), size)]
        else:
            batches = _filled_up(list(self._by_tokens(units, self._settings.tokens_per_batch)), self._micros_per_step)
        for first in range(0, len(batches), self._micros_per_step):
            step = batches[first : first + self._micros_per_step]
            yield tuple(tuple(step[start : start + ranks]) for start in range(0, len(step), ranks))

    def _by_tokens(self, units: list[Unit], most: int) -> Iterator[tuple[Unit, ...]]:
        """Yield micro-batches of units of similar widths, of at most `most` positions, padding included.

        Units are sorted within stretches of the shuffled order, so that a pass differs from the next.
        """
        stretch = BUCKET_STEPS * self._settings.premises_per_batch * self._micros_per_step
        for start in range(0, len(units), stretch):
            batch: list[Unit] = []
            for unit in sorted(units[start : start + stretch], key=self._width):
                positions = (len(batch) + 1) * self._width(unit)  # it is the widest
                if batch and (positions > most or len(batch) == self._settings.premises_per_batch):
                    yield tuple(batch)
                    batch = []
                batch.append(unit)
            yield tuple(batch)

    def _unit(self, premise: int, pass_number: int) -> Unit:
        """Take turns over a premise's hypotheses where it has more than a micro-batch takes."""
        count, most = self._n_hypotheses[premise], self._settings.hypotheses_per_premise
        if count <= most:
            return Unit(premise, tuple(range(count)))
        shuffled = np.random.default_rng([self._settings.seed, premise]).permutation(count)
        return Unit(premise, tuple(int(shuffled[(pass_number * most + turn) % count]) for turn in range(most)))


def _filled_up(pieces: list[T], multiple: int) -> list[T]:
    """Return the pieces, begun again from the first until there are a multiple of so many."""
    wanted = -(-len(pieces) // multiple) * multiple
    return [pieces[place % len(pieces)] for place in range(wanted)]
