"""Tell on standard error how far a long piece of work is."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from umui.processes.say import say

T = TypeVar("T")
INTERVAL_S = 10.0


def reported(work: Iterable[T], total: int, what: str, detail: Callable[[T], str] = lambda piece: "") -> Iterator[T]:
    """Yield from `work`; every ten seconds, and at the end, print how many of `total` are done and the time left.

    `detail` adds words about the latest piece.
    """
    start = told = time.monotonic()
    for done, piece in enumerate(work, start=1):
        yield piece
        now = time.monotonic()
        if now - told >= INTERVAL_S or done == total:
            told, passed_s = now, now - start
            left_s = passed_s / done * (total - done)
            say(f"{what}: {done} of {total} in {passed_s:.0f} s, {left_s:.0f} s left {detail(piece)}".rstrip())
