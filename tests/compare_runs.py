"""Compare two runs of one configuration byte for byte: what a change of the code's structure must leave as it is.

    python tests/compare_runs.py BEFORE AFTER

BEFORE and AFTER are the `results` directories of two runs on one machine.  All files count but those that tell of the
run itself: times, logs, and what a server's caches happened to hold.  Of journals the requests and answers are
compared, whatever the order in which they came.  The exit code is 1 when anything differs or is there once.
"""

import json
import sys
from pathlib import Path

OF_THE_RUN = ("logs", "benchmarks", "timings", "features", "checkpoints", ".digests")
"""Directories; features and checkpoints are named by the code's digest, and what they lead to is compared."""
OF_THE_SERVER = ("usage.csv", "usage.md")
TIMES = ("asked_at_s", "latency_s")


def compared(directory: Path) -> dict[str, Path]:
    """Return the files that count, by their names within the directory."""
    files = {str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()}
    return {
        name: path
        for name, path in files.items()
        if not name.startswith(OF_THE_RUN) and name not in OF_THE_SERVER and not path.name.startswith(".snakemake")
    }


def content(path: Path) -> object:
    """Return what is compared of a file: its bytes, or a journal's answers without their times."""
    if path.suffix != ".jsonl":
        return path.read_bytes()
    answers = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return sorted(json.dumps({key: answer[key] for key in answer if key not in TIMES}) for answer in answers)


def main() -> int:
    """Print what differs, and how much was compared."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    before, after = (compared(Path(directory)) for directory in sys.argv[1:])
    once = sorted(before.keys() ^ after.keys())
    different = [name for name in sorted(before.keys() & after.keys()) if content(before[name]) != content(after[name])]
    for name in once:
        print(f"only in {sys.argv[1] if name in before else sys.argv[2]}: {name}")
    for name in different:
        print(f"differs: {name}")
    print(f"{len(before.keys() & after.keys()) - len(different)} files are the same, {len(different)} differ, "
          f"{len(once)} are there once")  # fmt: skip
    return 1 if once or different else 0


if __name__ == "__main__":
    sys.exit(main())
