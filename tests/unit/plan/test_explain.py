"""What a planned job costs: votes that are missing or bounded, steps, and hours as they were measured or stated."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from planned import planned_job, record_of
from rows import item, write_items

from umui.asking.journal import Answer, Journal, journal_file
from umui.asking.planning import plan
from umui.config.judges import NOT_IDENTITY
from umui.config.loading import load, merged
from umui.config.run import Config
from umui.evidence.shelf import EvidenceShelf
from umui.files.parquet import write_table
from umui.plan import explain
from umui.plan.dry_run import DryRun, Job
from umui.plan.explain import Cost, Planned
from umui.tables import EVIDENCE, TIMINGS, TRAINING_LOG

ROOT = Path(__file__).parents[3]


def configuration(**changes: Any) -> Config:
    return load(merged(yaml.safe_load((ROOT / "config.yaml").read_text()), changes))


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A labelling job of three text items, whose inputs are all there; nothing was asked yet."""
    monkeypatch.chdir(tmp_path)
    settings = configuration()
    write_items(Path("items.parquet"), *(item(f"{n}#0") for n in range(3)), item("trained#0", split="validation"))
    write_table(Path("evidence.parquet"), EVIDENCE, [])
    Path("model").mkdir()
    judge, media = settings.teachers["tiny-teacher"], settings.media.as_json()
    return planned_job(
        {"settings": judge.as_json(exclude=NOT_IDENTITY), "circumstances": judge.as_json(include=NOT_IDENTITY),
         "media": media, "model": "model", "chosen": [0], "shards": 1, "journal": "journals"},
        rule="ask", wildcards={"judge": "tiny-teacher", "piece": "0"},
        input={"item_tables": ("items.parquet",), "evidence": ("evidence.parquet",), "model": ("model",)},
        output={"votes": ("votes.parquet",), "timings": ("timings/0.parquet",)},
    )  # fmt: skip


def test_votes_are_those_that_the_journal_lacks(asking: Job) -> None:
    assert Planned(configuration(), [asking]).cost(asking) == Cost(votes=15)
    settings = configuration()
    first = plan(
        settings.teachers["tiny-teacher"], "model", None, settings.media, [Path("items.parquet")], 0, 1,
        EvidenceShelf(Path("evidence.parquet")),
    )[0]  # fmt: skip
    with Journal(journal_file(Path("journals"), 0, 1), first.digests) as journal:
        journal.append([Answer(digest, first.item_id, vote, 0, 1) for vote, digest in enumerate(first.digests[:2])])
        journal.append([Answer(first.digests[2], first.item_id, 2, 0, 1, error="lost")])
    assert Planned(configuration(), [asking]).cost(asking) == Cost(votes=13), "an error is no vote"


@pytest.mark.parametrize(
    ("remade", "expected"), [("model", Cost(15, bound=True)), ("evidence.parquet", Cost(15, bound=True)),
                             ("items.parquet", Cost(bound=True))],
)  # fmt: skip
def test_what_the_run_makes_itself_leaves_a_bound(asking: Job, remade: str, expected: Cost) -> None:
    making = planned_job(output={"": (remade,)})
    assert Planned(configuration(), [making, asking]).cost(asking) == expected


def test_hours_are_measured_or_stated(asking: Job) -> None:
    stated = configuration(costs={"prompt_tokens_per_s": 100.0, "completion_tokens_per_s": 10.0})
    hours = Planned(stated, [asking]).cost(asking).hours
    # Each of three items: 200 tokens of the prompt's own words, 20 of the turn, 20 characters and 21 at 4 a token.
    assert hours == pytest.approx(3 * ((220 + 41 / 4) / 100 + 5 * 8 / 10) / 3600, rel=1e-2)
    arrivals = [0.0, 2.0, 4.0, 1000.0, 1002.0]
    times = [{"item_id": "0#0", "vote": vote, "asked_at_s": at, "latency_s": 1.0} for vote, at in enumerate(arrivals)]
    write_table(Path("timings/0.parquet"), TIMINGS, times)
    measured = Planned(stated, [asking]).cost(asking).hours
    assert measured == pytest.approx(15 * 6 / 5 / 3600), "five votes in six seconds, the pause left out"


def test_a_training_takes_its_steps_at_the_pace_of_the_last(asking: Job) -> None:
    settings = configuration()
    log = [
        {"step": step, "modality": "text", "loss": 1.0, "gradient_norm": 1.0, "learning_rate": 0.1, "n_tokens": 1,
         "padding_share": 0.0}
        for step in range(1, 11)
    ]  # fmt: skip
    write_table(Path("clue-d/training_log.parquet"), TRAINING_LOG, log)
    Path("benchmark.tsv").write_text("s\th:m:s\n30.0\t0:00:30\n")
    training = planned_job(
        {"settings": settings.students["clue-d"].as_json()}, rule="train_student", wildcards={"student": "clue-d"},
        input={"item_tables": ("items.parquet",)}, output={"student": ("clue-d",)}, benchmark="benchmark.tsv",
    )  # fmt: skip
    assert Planned(settings, [training]).cost(training) == Cost(steps=600, hours=pytest.approx(0.5))


def test_a_revision_is_part_of_the_question(asking: Job) -> None:
    first, second = (
        replace(asking, parameters={**asking.parameters, "model": repr(model)})
        for model in ("some/model --revision 0123", ["some/model", "--revision", "4567"])
    )
    settings = configuration()
    where = settings.media, [Path("items.parquet")], 0, 1, EvidenceShelf(Path("evidence.parquet"))
    asked = plan(settings.teachers["tiny-teacher"], "some/model", "0123", *where)
    with Journal(journal_file(Path("journals"), 0, 1), asked[0].digests) as journal:
        journal.append([Answer(digest, asked[0].item_id, 0, 0, 1) for digest in asked[0].digests])
    assert [Planned(settings, [job]).cost(job).votes for job in (first, second)] == [10, 15]


def test_a_line_is_of_jobs_of_a_rule_that_have_the_same_reasons(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    record = record_of("run {params.code} {params.votes}", code="0" * 16, votes=5)
    jobs = [
        planned_job({"code": "1" * 16, "votes": votes}, record, rule="aggregate", wildcards={"judge": judge},
                    output={"": (judge,)})
        for judge, votes in (("a", 5), ("b", 5), ("c", 7))
    ]  # fmt: skip
    jobs += [
        planned_job(rule="table", wildcards={"shard": str(shard)}, why={"missing": (f"{shard}.csv",), "remade": ("a",)})
        for shard in range(5)
    ]
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    monkeypatch.setattr(explain, "dry_run", lambda targets, configfiles: DryRun(tuple(jobs), config))
    explain.explain(["all"], [])
    lines = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    code = "the stage's code, or what it imports, is another"
    assert lines[1:7] == [
        ["aggregate", "2", f"a, b: {code}"],
        ["aggregate", "1", f"c: {code}"],
        ["c:", "votes:", "5 → 7"],
        ["table", "5", "0.csv, 1.csv, 2.csv and 2 more are not there"],
        ["follows", "aggregate"],
        ["total", "8"],
    ]
