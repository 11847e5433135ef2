"""Columns of probabilities: a value says what it means only beside the others of its column.

A 1 is certainty in a column from 0 to 1, and next to nothing in a column from 0 to 100.  So one value beyond its scale
is an error of the whole column.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from umui.config.datasets import Scaled
from umui.datasets.rows import Fault
from umui.processes.say import say

T = TypeVar("T")
CODES = 2  # values, none of them other than 0 and 1, from which on a column may be one of codes


class Beyond(Fault):
    """A value that is a number, but not of its column's scale."""


@dataclass
class _Seen:
    """What is kept of a column: its least and greatest value, their number, and whether one is no whole number."""

    least: float = math.inf
    greatest: float = -math.inf
    count: int = 0
    has_fractions: bool = False

    def add(self, value: float) -> None:
        self.least, self.greatest = min(self.least, value), max(self.greatest, value)
        self.count += 1
        self.has_fractions = self.has_fractions or value != int(value)


@dataclass
class Columns:
    """A file's columns of probabilities, as they are read."""

    path: Path | str
    settings: Scaled
    _seen: dict[str, _Seen] = field(default_factory=dict)

    def probability(self, column: str, value: object) -> float:
        """Return the probability that `value` says.

        Raises Fault when it is no number, and Beyond, a Fault, when it is not of the scale.
        """
        least, greatest = self.settings.bounds
        try:
            said = float(str(value))
        except ValueError:
            said = math.nan
        if not math.isfinite(said):
            raise Fault(column, value, f"give a number from {least:g} to {greatest:g}")
        self._seen.setdefault(column, _Seen()).add(said)
        if not least <= said <= greatest:
            raise Beyond(column, value, f"give a number from {least:g} to {greatest:g}")
        return said if self.settings.scale is None else (said - least) / (greatest - least)

    @property
    def is_beyond(self) -> bool:
        """Whether a value was not of the scale, so that nothing more of the file becomes an item."""
        least, greatest = self.settings.bounds
        return any(seen.least < least or seen.greatest > greatest for seen in self._seen.values())

    def check(self) -> None:
        """Judge each column as a whole.  Raises ValueError when it is not of the scale."""
        least, greatest = self.settings.bounds
        for column, seen in self._seen.items():
            if seen.least < least or seen.greatest > greatest:
                said = "a probability" if self.settings.scale is None else "the scale in the settings"
                raise ValueError(
                    f"{self.path}: {column} goes from {seen.least:.12g} to {seen.greatest:.12g}, where {said} is from "
                    f"{least:g} to {greatest:g}, so that no value of the column says what it means; give the data set "
                    f"the column's scale (as in `scale: {_likely(seen)}`), or mend the file"
                )
            if self.settings.scale is not None and greatest > 1 and seen.has_fractions and seen.greatest <= 1:
                raise ValueError(
                    f"{self.path}: {column} has fractions and none above {seen.greatest:g}, as if from 0 to 1, where "
                    f"`scale:` says {least:g} to {greatest:g}; leave `scale:` out, or mend the file"
                )
            if self.settings.scale is None and seen.count >= CODES and not seen.has_fractions:
                say(
                    f"{self.path}: every value of {column} is 0 or 1, and is taken for certain; if they are codes of "
                    "labels, mend the file"
                )


def _likely(seen: _Seen) -> str:
    """Return a scale on which the values may be, as an example."""
    if seen.least < 0:
        return f"[{math.floor(seen.least)}, {math.ceil(seen.greatest)}]"
    return "[1, 5]" if seen.least >= 1 and seen.greatest <= 5 else f"[0, {max(100, math.ceil(seen.greatest))}]"


def judged(found: Iterable[T], columns: Columns) -> Iterator[T]:
    """Yield what is found in a file until a value is not of its column's scale; then read to the end, and raise."""
    for entry in found:
        if not columns.is_beyond:
            yield entry
    columns.check()
