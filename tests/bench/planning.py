"""What planning takes: a million items, a job an item where that is feasible, and a run with nothing to do.

    PYTHONPATH=workflow python tests/bench/planning.py [--finished DIRECTORY]

Ours has a fixed number of shards, whatever the number of items; the other way is the graph that comes naturally, a job
a stage and item, of three stages.  The aims stand in the column `other` of the rows without another way.
`--finished` is a directory in which `snakemake results/table3.csv` is done.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from bench import Row, compared, machine, parser, record
from manifests import write_manifest
from processes import ROOT, Spent, run, snakemake

AIM = "the aim"
PLAN_S, PLAN_MB, NOTHING_TO_DO_S = 30.0, 1000.0, 6.0
OWN = ("--configfile", "own.yaml", "--replace-workflow-config")
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "2"]
JOB_AN_ITEM = """
ITEMS = [line.split(",")[0] for line in open("items.csv")]
rule all:
    input: expand("results/labels/{item}.json", item=ITEMS)
rule evidence:
    output: "results/evidence/{item}.json"
    shell: "touch {output}"
rule votes:
    input: "results/evidence/{item}.json"
    output: "results/votes/{item}.json"
    shell: "touch {output}"
rule labels:
    input: "results/votes/{item}.json"
    output: "results/labels/{item}.json"
    shell: "touch {output}"
"""


def ready(directory: Path, items: int) -> Path:
    """Prepare a directory with a configuration of its own, of one data set, a manifest of so many items."""
    settings = json.loads(json.dumps(yaml.safe_load((ROOT / "config.yaml").read_text())))  # no aliases
    modalities = {"mine": ["text"], "urn": None}
    settings |= {"shards": 256, "datasets": {"mine": {"kind": "manifest", "file": "pairs.csv"}}}
    for judges in ("teachers", "baselines"):
        for judge in settings[judges].values():
            judge["datasets"] = modalities
    for student in settings["students"].values():
        if "sources" in student:  # the others are like one that has them
            source = student["sources"].pop("urn")
            student["sources"] = {"mine": source | {"modalities": ["text"]}}
    for model in settings["models"]:
        settings["models"][model] = {"family": "qwen2_5_omni", "path": "/models/judge"}
    (directory / "own.yaml").write_text(yaml.safe_dump(settings))
    write_manifest(directory / "pairs.csv", items)
    return directory


def by_item(directory: Path, items: int) -> Path:
    """Prepare a directory with a graph of a job an item."""
    (directory / "Snakefile").write_text(JOB_AN_ITEM)
    (directory / "items.csv").write_text("".join(f"{number},\n" for number in range(items)))
    return directory


def dry_run_by_item(directory: Path) -> Spent:
    """Plan the graph of a job an item."""
    return run([*SNAKEMAKE, "--dry-run", "--quiet"], directory)


def paired(ours: Callable[[], Spent], other: Callable[[], Spent], repeats: int) -> list[tuple[Spent, Spent]]:
    """Take both ways in turn."""
    return [(ours(), other()) for _ in range(repeats)]


def rows(case: str, pairs: list[tuple[Spent, Spent]], other: str) -> Iterator[Row]:
    """Compare time, the processor's time (which what else runs on the machine hardly changes) and memory."""
    yield compared("planning", case, "s", [(a.seconds, b.seconds) for a, b in pairs], other)
    yield compared("planning", case, "CPU s", [(a.cpu_seconds, b.cpu_seconds) for a, b in pairs], other)
    yield compared("planning", case, "MB", [(a.megabytes, b.megabytes) for a, b in pairs], other)


def against_a_job_an_item(items: int, repeats: int) -> Iterator[Row]:
    """Compare the plans of so many items."""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        ours = partial(snakemake, *OWN, "--dry-run", "--quiet", "--", "all", directory=ready(Path(one), items))
        pairs = paired(ours, partial(dry_run_by_item, by_item(Path(other), items)), repeats)
    yield from rows(f"items={items}", pairs, "a job a stage and item")


def against_the_aim(items: int, repeats: int) -> Iterator[Row]:
    """Plan so many items."""
    with TemporaryDirectory() as directory:
        at = ready(Path(directory), items)
        plans = [snakemake(*OWN, "--dry-run", "--quiet", "--", "all", directory=at) for _ in range(repeats)]
    yield from rows(f"items={items}", [(plan, Spent(PLAN_S, PLAN_S, PLAN_MB, "")) for plan in plans], AIM)


def nothing_to_do(finished: Path, repeats: int) -> Iterator[Row]:
    """Run what is done already, as `make demo` does."""
    command = [*SNAKEMAKE, "results/table3.csv"]
    if "Nothing to be done" not in run([*command, "--dry-run"], finished).output:
        raise ValueError(f"--finished {finished}: results/table3.csv is not done there; run `make demo` first")
    runs = [run(command, finished) for _ in range(repeats)]
    aim = Spent(NOTHING_TO_DO_S, NOTHING_TO_DO_S, PLAN_MB, "")
    yield from rows("nothing_to_do", [(spent, aim) for spent in runs], AIM)


def main() -> None:
    """Measure all cases."""
    arguments = parser(__doc__, repeats=3)
    arguments.add_argument("--finished", type=Path, default=None)
    arguments.add_argument("--items", type=int, default=1_000_000)
    arguments.add_argument("--items-with-jobs", type=int, default=10_000)
    chosen = arguments.parse_args()
    print(machine())
    record(chosen.output, list(against_a_job_an_item(chosen.items_with_jobs, chosen.repeats)))
    record(chosen.output, list(against_the_aim(chosen.items, chosen.repeats)))
    if chosen.finished is not None:
        record(chosen.output, list(nothing_to_do(chosen.finished, chosen.repeats)))


if __name__ == "__main__":
    main()
