"""The small demo from its configuration to table 3, against the same with all sharing of work off (no_sharing.yaml).

    PYTHONPATH=workflow:tests python tests/bench/end_to_end.py
    PYTHONPATH=workflow:tests python tests/bench/end_to_end.py --overlays    # the demo at its own size

Both run in fresh copies of the repository, with its environments, one after the other.  The number of sequences in a
training batch is alike.  Beside the whole, the rules that share work are compared by the wall time of
their jobs.
"""

import csv
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import compared, machine, parser, record
from processes import ROOT, run
from repository_copy import copy_repository

WITHOUT = ROOT / "tests/bench/no_sharing.yaml"
NOTHING_KEPT = ["--set-resources", "train_student:features_mb=0", "predict:features_mb=0"]
SHARING = ("ask", "train_student", "predict")


def demo(overlays: list[Path], *options: str) -> dict[tuple[str, str], float]:
    """Run the demo in a copy of the repository; return its seconds by rule ("" for the whole) and unit."""
    with TemporaryDirectory(prefix="umui-bench-") as directory:
        copy = Path(directory)
        copy_repository(copy)
        configs = ["--configfile", *map(str, overlays)] if overlays else []
        command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "2", *options, *configs]
        spent = run([*command, "--", "results/table3.csv"], copy)
        by_rule = {(rule, "s"): _seconds(copy / "results/benchmarks" / rule) for rule in SHARING}
    return {("", "s"): spent.seconds, ("", "CPU s"): spent.cpu_seconds, **by_rule}


def _seconds(directory: Path) -> float:
    return sum(
        float(row["s"])
        for path in directory.rglob("*.tsv")
        for row in csv.DictReader(path.read_text().splitlines(), delimiter="\t")
    )


def main() -> None:
    """Measure both ways."""
    arguments = parser(__doc__, repeats=1)
    arguments.add_argument("--overlays", nargs="*", type=Path, default=[Path("configs/ci.yaml")])
    chosen = arguments.parse_args()
    overlays = [path.resolve() for path in chosen.overlays]
    print(machine())
    runs = [(demo(overlays), demo([*overlays, WITHOUT], *NOTHING_KEPT)) for _ in range(chosen.repeats)]
    name = "+".join(path.stem for path in overlays) or "default"
    record(chosen.output, [
        compared(
            "end_to_end", f"config={name}" + f",rule={rule}" * (rule != ""), unit,
            [(ours[rule, unit], other[rule, unit]) for ours, other in runs], "all sharing off",
        )
        for rule, unit in runs[0][0]
    ])  # fmt: skip


if __name__ == "__main__":
    main()
