"""What the benchmarks share: measurements in pairs, the rows of results/bench/*.csv, and their table on the terminal.

A benchmark is a script of its own, which takes both ways in turn within one process and records rows:

    arguments = parser(__doc__).parse_args()
    record(arguments.output, [compared("media", "files=20", "s", timed(ours, other, arguments.repeats), "one by one")])

It runs in any of the environments: nothing here needs more than the standard library.
"""

import argparse
import csv
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

BENCHMARKS = (
    "training", "prediction", "feature_cache", "teacher", "media", "end_to_end", "scaling", "planning", "gpu"
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One comparison: `ratio` says how many times better ours is, in the median of the pairs, and in their range."""

    benchmark: str
    case: str  # name=value,name=value
    unit: str
    ours: float
    other: float
    other_name: str
    ratio: float
    ratio_low: float
    ratio_high: float
    repeats: int


COLUMNS = [field.name for field in fields(Row)]


def parser(description: str | None, repeats: int = 5) -> argparse.ArgumentParser:
    """Return a command line with what every benchmark takes."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--output", type=Path, default=Path("results/bench"), help="directory (default: results/bench)")
    made.add_argument("--repeats", type=int, default=repeats, help=f"paired measurements (default: {repeats})")
    return made


def timed(
    ours: Callable[[], object],
    other: Callable[[], object],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[tuple[float, float]]:
    """Yield the seconds of both ways, taken in turn, after one round that does not count.

    With `time.process_time` they are the process' own, so that other work on the machine counts less.
    """
    for number in range(repeats + 1):
        pair = seconds(ours, clock), seconds(other, clock)
        if number:
            yield pair


def seconds(way: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds that one call takes."""
    start = clock()
    way()
    return clock() - start


def compared(
    benchmark: str,
    case: str,
    unit: str,
    pairs: Iterable[tuple[float, float]],
    other_name: str,
    better: Literal["lower", "higher"] = "lower",
) -> Row:
    """Make a row of pairs (ours, other), and print it.

    Raises ValueError when `benchmark` is not one of BENCHMARKS.
    """
    if benchmark not in BENCHMARKS:
        raise ValueError(f"{benchmark}: no such benchmark; there are {', '.join(BENCHMARKS)}")
    measured = list(pairs)
    ratios = [other / ours if better == "lower" else ours / other for ours, other in measured]
    ours, other = (statistics.median(column) for column in zip(*measured, strict=True))
    figures = [float(f"{value:.5g}") for value in (ours, other)]
    spread = [float(f"{value:.4g}") for value in (statistics.median(ratios), min(ratios), max(ratios))]
    row = Row(benchmark, case, unit, *figures, other_name, *spread, repeats=len(measured))
    print(line(row), flush=True)
    return row


def line(row: Row) -> str:
    """Return a row of the table on the terminal."""
    return (
        f"{row.benchmark:13} {row.case:52} {row.ratio:8.2f} x [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"
        f"  {row.ours:.4g} against {row.other:.4g} {row.unit}: {row.other_name}"
    )


def record(directory: Path, rows: Sequence[Row]) -> None:
    """Put rows into their benchmarks' files, in place of those of the same case, unit and other way."""
    directory.mkdir(parents=True, exist_ok=True)
    for benchmark in sorted({row.benchmark for row in rows}):
        path = directory / f"{benchmark}.csv"
        kept = {_key(row): row for row in (read(path) if path.exists() else [])}
        kept |= {_key(row): row for row in rows if row.benchmark == benchmark}
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in kept.values())


def read(path: Path) -> list[Row]:
    """Read a benchmark's file."""
    kinds = {field.name: field.type for field in fields(Row)}
    with path.open(newline="", encoding="utf-8") as file:
        return [Row(**{name: kinds[name](value) for name, value in row.items()}) for row in csv.DictReader(file)]  # type: ignore[operator]


def machine() -> str:
    """Return the processor's name and how much else runs, for the record beside the figures."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    names = [line.partition(": ")[2] for line in info.splitlines() if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"


def _key(row: Row) -> tuple[str, str, str]:
    return row.case, row.unit, row.other_name
