"""The whole pipeline, for real, once, at a small size: damaged media in, killed twice on the way, and then looked at.

The clone is that of all workflow tests (conftest.py); later tests read what earlier ones left.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from pipeline_clone import TARGETS, Clone, journalled, processes
from repository_copy import ROOT

pytestmark = pytest.mark.slow


def test_table_3_has_every_model_in_every_modality(finished: Clone) -> None:
    table = pd.read_csv(finished.path / "results/table3.csv")
    assert list(table.columns) == [
        "model", "role", "parameters", "dataset", "modality", "metric", "value", "ci_low", "ci_high", "n_items",
        "n_clusters",
    ]  # fmt: skip
    assert set(table.metric) == {"mse_x100"}
    roles = table.groupby("role").model.apply(set).to_dict()
    assert roles["student"] == {"CLUE-D", "CLUE-T"}
    assert len(roles["teacher"]) == 3
    assert roles["control"] == {"constant", "majority", "hypothesis-only"}
    assert len(roles["baseline"]) == len(roles["oracle"]) == 1
    modalities = table.groupby("model").modality.apply(set)
    assert all(seen == {"text", "audio", "video", "audiovisual"} for seen in modalities)
    assert (table[table.role == "oracle"].value == 0).all()
    valued = table[table.value.notna() & (table.role != "oracle")]
    assert (valued.ci_low <= valued.value).all()
    assert (valued.value <= valued.ci_high).all()


def test_damaged_media_are_counted(finished: Clone) -> None:
    media = pd.concat(pq.read_table(path).to_pandas() for path in (finished.path / "results/media").glob("*.parquet"))
    bad = media[media.status != "ok"]
    assert sorted(bad.status) == ["corrupt", "corrupt", "missing"]
    assert (bad.reason != "").all()
    table = pd.read_csv(finished.path / "results/table3.csv")
    items = table[table.model == "CLUE-D"].set_index("modality").n_items
    assert items["video"] == items["audio"] - 24, "three premises of eight hypotheses"
    assert "corrupt" in (finished.path / "results/coverage.csv").read_text()


def test_no_vote_is_asked_twice_but_those_in_flight(finished: Clone) -> None:
    entries = journalled(finished)
    distinct = {entry["request_digest"] for entry in entries}
    client = yaml.safe_load((ROOT / "config.yaml").read_text())["teachers"]["tiny-teacher"]["client"]
    assert len(entries) - len(distinct) <= 5 * client["concurrency"]
    assert finished.votes_before >= 40
    log = (finished.path / "results/logs/ask/tiny-teacher/0.log").read_text()
    assert re.search(rf"\b{finished.votes_before}\b", log), log


def test_nothing_is_left_running(finished: Clone) -> None:
    assert not processes(f"vllm serve {finished.path}")
    assert not [process for process in processes("umui.cli") if Path(process.cwd()) == finished.path]


def test_an_undisturbed_run_gives_the_same_bytes(finished: Clone, tmp_path: Path) -> None:
    paths = ["results/votes/tiny-teacher/0.parquet", "results/students/clue-d/training_log.parquet",
             "results/students/clue-d/adapter_model.safetensors"]  # fmt: skip
    before = {path: (finished.path / path).read_bytes() for path in paths}
    for kept in ("journals/tiny-teacher/0", "votes/tiny-teacher/0.parquet", "checkpoints/clue-d", "students/clue-d"):
        shutil.move(finished.path / "results" / kept, tmp_path / kept.replace("/", "-"))
    result = finished.snakemake("results/students/clue-d", "results/votes/tiny-teacher/0.parquet")
    assert result.returncode == 0, result.stdout + result.stderr
    for path in paths:
        assert (finished.path / path).read_bytes() == before[path], path


def test_one_number_can_be_traced_to_its_votes(finished: Clone) -> None:
    items = pq.read_table(finished.path / "results/items/urn/items.parquet").to_pandas()
    item = items[(items.split == "test") & (items.modality == "audiovisual")].item_id.min()
    result = subprocess.run(
        [sys.executable, "-m", "umui.cli", "trace", "--item", item], cwd=finished.path, capture_output=True, text=True,
        check=True, env=os.environ | {"PYTHONPATH": str(finished.path / "workflow")},
    )  # fmt: skip
    for words in (item, "<answer>", "CLUE-D", "tiny-teacher", "hypothesis-only"):
        assert words in result.stdout


def test_the_report_is_made_offline(finished: Clone) -> None:
    result = finished.snakemake(*TARGETS, "--report", "results/report.zip")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (finished.path / "results/report.zip").stat().st_size > 100_000


def test_caches_change_no_answer(finished: Clone) -> None:
    """Known faults of prefix caching with media would give a premise's claims what another premise showed."""
    reading = {"opening": "<answer>0.", "tokens": list("0123456789"), "values": [digit / 10 for digit in range(10)]}
    once = {"votes": 1, "temperature": 0.0, "max_tokens": 1, "answer_pattern": None}
    cached = {"like": "tiny-base", "model": "tiny-teacher", "splits": ["test"], "sampling": once, "read": reading}
    without = ["--no-enable-prefix-caching", "--mm-processor-cache-gb", "0"]
    judges = {
        "cached": cached | {"title": "cached"},
        "uncached": cached | {"title": "uncached", "server": {"arguments": without}},
    }
    overlay = finished.path / "caches.yaml"
    overlay.write_text(yaml.safe_dump({"baselines": judges}))
    files = [f"results/votes/{judge}/0.parquet" for judge in judges]
    result = finished.snakemake(*files, overlays=(str(overlay),))
    assert result.returncode == 0, result.stdout + result.stderr
    counts = [json.loads((finished.path / f"results/timings/{judge}/0.json").read_text())["counts"] for judge in judges]
    assert counts[0]["prompt_tokens_cached"] > counts[0]["prompt_tokens"] / 2
    assert counts[0]["media_cached"] > 0
    assert counts[1]["prompt_tokens_cached"] == counts[1]["media_cached"] == 0

    votes = pd.concat([pd.read_parquet(finished.path / file) for file in files])
    votes = votes[votes.parse_status == "ok"]
    said = votes.pivot(index="item_id", columns="teacher", values="text").map(lambda text: json.loads(text)["masses"])
    masses = {judge: pd.DataFrame(said[judge].tolist(), index=said.index) for judge in judges}
    assert (masses["cached"] - masses["uncached"]).abs().max(axis=None) < 1e-3
    modality = said.index.str.split("/").str[2]
    claim = said.index.str.split("#").str[1]
    spread = masses["uncached"].groupby([modality, claim]).std()  # over premises: it is the evidence that differs
    assert set(modality) == {"text", "audio", "video", "audiovisual"}
    assert (spread.max(axis=1).groupby(level=0).max() > 0.01).all()
