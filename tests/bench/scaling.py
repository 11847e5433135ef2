"""How cost grows with the number of items: importing, evidence and evaluation at 1, 2, 4 and 8 times as many.

    PYTHONPATH=workflow python tests/bench/scaling.py

`other` is the cost at the smallest size.  In the processor's time an item, a ratio of 1 is linear growth, and above 1
better; in MB, a ratio of 1 is memory that does not grow.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import yaml
from bench import Row, compared, machine, parser, record
from manifests import write_manifest
from processes import ROOT, Spent, stage

from umui.config.datasets import Manifest
from umui.config.evaluation import Evaluation
from umui.config.models import Media
from umui.files.digests import digest_file
from umui.files.parquet import write_table
from umui.tables import ITEMS, PREDICTIONS

FACTORS = (1, 2, 4, 8)
SIZES = {"importing": 25_000, "evidence": 48, "evaluation": 5_000}
SETTINGS = yaml.safe_load((ROOT / "config.yaml").read_text())


def item(number: int, **given: object) -> dict[str, object]:
    """Return an item's row."""
    return {
        "item_id": f"bench/{number:07d}#0", "dataset": "bench", "split": "test", "event": f"bench/{number % 499}",
        "premise_id": f"bench/{number:07d}", "modality": "text", "premise_text": "An urn.", "media_id": None,
        "media_path": None, "hypothesis": "The next ball is red.", "label": None, "annotations": None,
        "probability": (number * 37 % 101) / 100, **given,
    }  # fmt: skip


def importing(directory: Path, items: int) -> Spent:
    """Import a manifest."""
    settings = Manifest(kind="manifest", file=str(write_manifest(directory / "pairs.csv", items)))
    return stage(
        "import-items", "--settings", settings.as_json(), "--dataset", "bench",
        "--items", str(directory / "items.parquet"), "--left-out", str(directory / "left_out.parquet"),
    )  # fmt: skip


def evidence(directory: Path, items: int) -> Spent:
    """Extract sounds of ten seconds."""
    random, rows = np.random.default_rng(0), []
    for number in range(items):
        path = directory / f"{number}.wav"
        if not path.exists():
            soundfile.write(path, 0.1 * random.standard_normal(441_000), 44_100)
        rows.append(item(number, modality="audio", premise_text=None, media_path=str(path),
                         media_id=digest_file(path)))  # fmt: skip
    write_table(directory / "sounds.parquet", ITEMS, rows)
    return stage(
        "extract-evidence", "--settings", Media.model_validate(SETTINGS["media"]).as_json(),
        "--items", str(directory / "sounds.parquet"), "--shard", "0", "--shards", "1", "--workers", "2",
        "--media", str(directory / "media.parquet"), "--evidence", str(directory / "evidence.parquet"),
    )  # fmt: skip


def evaluation(directory: Path, items: int) -> Spent:
    """Evaluate predictions with all metrics and intervals."""
    write_table(directory / "i.parquet", ITEMS, [item(number) for number in range(items)])
    answers = [
        {"item_id": f"bench/{number:07d}#0", "model": "m", "probability": (number * 53 % 101) / 100,
         "distribution": None, "status": "ok"}
        for number in range(items)
    ]  # fmt: skip
    write_table(directory / "p.parquet", PREDICTIONS, answers)
    return stage(
        "evaluate", "--settings", Evaluation.model_validate(SETTINGS["evaluation"]).as_json(),
        "--model", "m", "--role", "student", "--items", str(directory / "i.parquet"),
        "--predictions", str(directory / "p.parquet"), "--metrics", str(directory / "m.parquet"),
    )  # fmt: skip


def measure(name: str, way: Callable[[Path, int], Spent], repeats: int) -> Iterator[Row]:
    """Run a stage at all sizes, in turn, and compare each with the smallest; starting Python and imports count."""
    with TemporaryDirectory(prefix="umui-bench-") as directory:
        spent = [{n: way(Path(directory), n * SIZES[name]) for n in FACTORS} for _ in range(repeats)]
    for factor in FACTORS[1:]:
        case = f"stage={name},items={factor * SIZES[name]}"
        per_item = [
            (1e3 * one[factor].cpu_seconds / factor / SIZES[name], 1e3 * one[1].cpu_seconds / SIZES[name])
            for one in spent
        ]
        yield compared("scaling", case, "CPU ms an item", per_item, f"{SIZES[name]} items")
        memory = [(one[factor].megabytes, one[1].megabytes) for one in spent]
        yield compared("scaling", case, "MB", memory, f"{SIZES[name]} items")


def main() -> None:
    """Measure all stages."""
    stages = {"importing": importing, "evidence": evidence, "evaluation": evaluation}
    arguments = parser(__doc__, repeats=2)
    arguments.add_argument("--stages", nargs="+", choices=stages, default=list(stages))
    chosen = arguments.parse_args()
    print(machine())
    record(chosen.output, [row for name in chosen.stages for row in measure(name, stages[name], chosen.repeats)])


if __name__ == "__main__":
    main()
