"""Published votes in the workflow, seen in a dry run: they are read, not asked for, and used as any teacher's."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SOURCE = {"modalities": ["video"], "teacher": "published", "label": "5-mean", "agreement_filter": False}
OVERLAY = {
    "datasets": {
        "wikivideo": {
            "kind": "wikivideo", "annotations": "final_data.json", "videos": "videos", "audios": "audios",
            "judgments": None, "modalities": ["video"], "label_rule": "published", "test_events": [], "negatives": [],
        },
    },
    "imported_teachers": {
        "published": {
            "title": "published teacher", "dataset": "wikivideo", "modalities": ["video"], "splits": ["train"],
            "files": ["video.json"], "form": "scalar", "thinking": True, "votes": 5,
        },
    },
    "students": {"clue-d": {"sources": {"wikivideo": SOURCE}}},
    "shards": 2,
}  # fmt: skip


def plan(directory: Path, *targets: str) -> str:
    (directory / "overlay.yaml").write_text(yaml.safe_dump(OVERLAY))
    for name in ("final_data.json", "video.json"):
        (directory / name).write_text(json.dumps({}))
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(directory),
         "--cores", "2", "--dry-run", *targets, "--configfile", "overlay.yaml"],
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_published_votes_are_read_and_used_as_any_teachers(tmp_path: Path) -> None:
    planned = plan(tmp_path, "results/students/clue-d", "results/metrics/labels/published/5-mean.parquet")
    assert planned.count("rule import_votes:") == 1
    training = planned.partition("rule train_student:")[2].partition("output:")[0]
    assert "results/labels/published/5-mean.parquet" in training
    assert "rule ask" in planned, "for the student's other data set"
    assert "results/votes/published" not in planned.partition("rule ask:")[2].partition("log:")[0]
