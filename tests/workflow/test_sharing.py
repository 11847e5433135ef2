"""A second clone, at another path, takes from the store what the first has made (conftest.py)."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pipeline_clone import SHARED, Clone

EXPENSIVE = ("build_urn", "make_model", "ask", "train_student", "predict", "evaluate")
pytestmark = pytest.mark.slow


def test_a_second_clone_executes_no_expensive_job_and_asks_no_teacher(
    finished: Clone, store: Path, tmp_path: Path
) -> None:
    second = Clone.of_repository(tmp_path / "elsewhere", store)
    second.build_and_damage_the_world()
    result = second.snakemake("results/table3.csv", overlays=SHARED)
    assert result.returncode == 0, result.stdout + result.stderr
    for name in ("table3.csv", "table3.md"):
        assert (second.path / "results" / name).read_bytes() == (finished.path / "results" / name).read_bytes()
    for rule in EXPENSIVE:
        logs = [log for log in (second.path / "results/logs" / rule).rglob("*.log") if ".server." not in log.name]
        assert logs, rule
        for log in logs:
            assert "store: found, verified" in log.read_text(), f"{rule} was executed: {log.read_text()}"
    votes = pq.read_table(second.path / "results/votes/tiny-teacher").to_pylist()
    answered = {vote["request_digest"] for vote in votes if vote["parse_status"] != "no_evidence"}
    assert answered
    journals = (second.path / "results/journals/tiny-teacher").rglob("*.jsonl")
    kept = {json.loads(line)["request_digest"] for journal in journals for line in journal.read_text().splitlines()}
    assert answered <= kept, "more votes ask for the missing ones alone"
    servers = list((second.path / "results/logs/ask").rglob("*.server.log"))  # which Snakemake touches
    assert not [log for log in servers if log.stat().st_size > 0]
