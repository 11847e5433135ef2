"""The small demo from its configuration to table 3, against the same with all sharing of work off (no_sharing.yaml).

    PYTHONPATH=workflow:tests python tests/bench/end_to_end.py

Both run in fresh copies of the repository, with its environments, one after the other.  The number of sequences in a
training batch is alike.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import compared, machine, parser, record
from processes import ROOT, Spent, run
from repository_copy import copy_repository

OVERLAYS = [str(ROOT / "configs/ci.yaml")]
WITHOUT = [*OVERLAYS, str(ROOT / "tests/bench/no_sharing.yaml")]
NOTHING_KEPT = ["--set-resources", "train_student:features_mb=0", "predict:features_mb=0"]


def demo(overlays: list[str], *options: str) -> Spent:
    """Run the demo in a copy of the repository."""
    with TemporaryDirectory(prefix="umui-bench-") as directory:
        copy = Path(directory)
        copy_repository(copy)
        command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "2", *options]
        return run([*command, "--configfile", *overlays, "--", "results/table3.csv"], copy)


def main() -> None:
    """Measure both ways."""
    chosen = parser(__doc__, repeats=1).parse_args()
    print(machine())
    pairs = [(demo(OVERLAYS), demo(WITHOUT, *NOTHING_KEPT)) for _ in range(chosen.repeats)]
    wall = [(ours.seconds, other.seconds) for ours, other in pairs]
    processor = [(ours.cpu_seconds, other.cpu_seconds) for ours, other in pairs]
    record(chosen.output, [
        compared("end_to_end", "config=ci", unit, measured, "all sharing off")
        for unit, measured in (("s", wall), ("CPU s", processor))
    ])  # fmt: skip


if __name__ == "__main__":
    main()
