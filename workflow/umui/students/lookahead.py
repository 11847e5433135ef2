"""Do work ahead of its use in a thread of its own, so that a device need not wait for its data."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")
DEPTH = 2  # pieces that are ready or in the making while one is used


class Lookahead(Generic[T]):
    """Iterates over the results of `work` in its order; an error of a piece is raised where the piece is used."""

    def __init__(self, work: Iterable[Callable[[], T]]) -> None:
        self._work = work
        self.waited_s = 0.0  # in all, for pieces that were not ready

    def __iter__(self) -> Iterator[T]:
        """Yield the results."""
        ahead: deque[Future[T]] = deque()
        with ThreadPoolExecutor(1, "lookahead") as pool:
            for piece in self._work:
                ahead.append(pool.submit(piece))
                if len(ahead) > DEPTH:
                    yield self._wait(ahead.popleft())
            while ahead:
                yield self._wait(ahead.popleft())

    def _wait(self, piece: Future[T]) -> T:
        start = time.perf_counter()
        result = piece.result()
        self.waited_s += time.perf_counter() - start
        return result
