"""The whole pipeline, for real, once, at a small size: damaged media in, killed twice on the way, and then looked at.

The steps build on each other: a module-wide clone is brought along step by step, and later tests read what earlier
ones left.  Environments are those of the repository, so that they are built once.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
import yaml

ROOT = Path(__file__).parents[2]
TARGETS = ("results/table3.csv", "results/coverage.csv", "results/comparisons.csv", "results/figures/training.svg")
JOURNAL = "results/journals/tiny-teacher/0"
pytestmark = pytest.mark.slow


class Clone:
    """A fresh copy of the repository, in which Snakemake is run as a user would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, path / name)
        (ROOT / ".envs").mkdir(exist_ok=True)
        (path / ".envs").symlink_to(ROOT / ".envs")

    def command(self, *arguments: str, overlays: tuple[str, ...] = ()) -> list[str]:
        configs = ["configs/ci.yaml", *overlays]
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments, "--configfile", *configs]

    def snakemake(self, *arguments: str, overlays: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments, overlays=overlays), cwd=self.path, capture_output=True, text=True, check=False
        )

    def planned(self, *arguments: str, overlays: tuple[str, ...] = ()) -> set[str]:
        """The rules that a run would execute."""
        result = self.snakemake("--dry-run", *TARGETS, *arguments, overlays=overlays)
        assert result.returncode == 0, result.stdout + result.stderr
        return set(re.findall(r"^(?:local)?rule (\w+):", result.stdout + result.stderr, flags=re.M))

    def run_and_kill(self, ready: Callable[[], bool], victim: str) -> None:
        """Run, wait until `ready`, and kill with SIGKILL the process whose command line has `victim`."""
        running = subprocess.Popen(
            self.command(*TARGETS), cwd=self.path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not ready():
            assert running.poll() is None, "the run ended before it could be killed"
            time.sleep(0.05)
        killed = [process for process in processes(victim) if process.info["pid"] != running.pid]
        assert killed
        for process in killed:
            process.send_signal(signal.SIGKILL)
        assert running.wait(timeout=600) != 0, "a run with a killed job must not end well"


def processes(words: str) -> list[psutil.Process]:
    """Running processes, shells left out, whose command line has all of `words`."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if all(word in line for word in words.split()) and "python" in line.split(" ")[0]:
            found.append(process)
    return found


def journalled(clone: Clone) -> list[dict[str, object]]:
    lines = [line for file in sorted((clone.path / JOURNAL).glob("*.jsonl")) for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines if line.endswith("}")]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return Clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="module")
def damaged(clone: Clone) -> Clone:
    """The world is built, and then some of its files come to harm."""
    result = clone.snakemake("results/items/urn/items.parquet")
    assert result.returncode == 0, result.stdout + result.stderr
    items = pq.read_table(clone.path / "results/items/urn/items.parquet").to_pandas()
    media = items[(items.split == "test") & (items.modality == "video")].media_path.drop_duplicates().sort_values()
    truncated, empty, gone = (clone.path / path for path in media[:3])
    truncated.write_bytes(truncated.read_bytes()[:700])
    empty.write_bytes(b"")
    gone.unlink()
    return clone


@pytest.fixture(scope="module")
def finished(damaged: Clone) -> Clone:
    """The run is killed while it labels, again while it trains, and then let through."""
    damaged.run_and_kill(lambda: len(journalled(damaged)) >= 40, "umui.cli ask --judge tiny-teacher")
    damaged.votes_before = len(journalled(damaged))  # type: ignore[attr-defined]
    checkpoints = damaged.path / "results/checkpoints/clue-d"
    damaged.run_and_kill(lambda: any(checkpoints.rglob("complete.json")),
                         "train-student results/checkpoints/clue-d")  # fmt: skip
    result = damaged.snakemake(*TARGETS)
    assert result.returncode == 0, result.stdout + result.stderr
    return damaged


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
    assert roles["control"] == {"constant", "hypothesis-only"}
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
    assert finished.votes_before >= 40  # type: ignore[attr-defined]
    log = (finished.path / "results/logs/ask/tiny-teacher/0.log").read_text()
    assert re.search(rf"\b{finished.votes_before}\b", log), log  # type: ignore[attr-defined]


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


def test_a_finished_run_has_nothing_to_do(finished: Clone) -> None:
    assert finished.snakemake(*TARGETS).returncode == 0
    assert finished.planned() == set()


def test_an_edit_reruns_what_it_concerns(finished: Clone) -> None:
    metrics = finished.path / "workflow/umui/evaluation/metrics.py"
    text = metrics.read_text()
    metrics.write_text(text + "\nEDITED = True\n")
    concerned = {"evaluate", "compare", "table", "reliability", "reliability_figure"}
    assert finished.planned() - {"all"} <= concerned
    assert "evaluate" in finished.planned()
    metrics.write_text(text + "\n# a comment\n")
    assert finished.planned() == set()
    metrics.write_text(text)


def test_a_temperature_reruns_that_teachers_chain(finished: Clone) -> None:
    overlay = finished.path / "warmer.yaml"
    overlay.write_text(yaml.safe_dump({"teachers": {"tiny-teacher": {"sampling": {"temperature": 0.7}}}}))
    rules = finished.planned(overlays=("warmer.yaml",))
    assert {"ask", "aggregate_votes", "train_student"} <= rules
    assert not rules & {"build_urn", "extract_evidence", "make_model"}
    planned = finished.snakemake("--dry-run", *TARGETS, overlays=("warmer.yaml",)).stdout
    assert "judge=tiny-base" not in planned


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
    result = finished.snakemake("--", *files, overlays=(str(overlay),))
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
