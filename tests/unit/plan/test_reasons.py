"""Why a job would run is said in the user's words: keys of the configuration, files, environments."""

import json
from typing import Any

import pytest
from planned import planned_job, record_of

from umui.plan.reasons import files_concerned, followed, reasons, said_of

TEMPLATE = "{params.python} --settings {params.settings:q} --media {params.media:q} {params.labels} < {input}"
SETTINGS = {"sampling": {"temperature": 1.0, "votes": 5, "answer_pattern": "0\\.\\d"}, "title": "a; b, now: c"}
BEFORE = {
    "python": ".envs/teacher-cd97a9cd3b72/bin/python", "settings": json.dumps(SETTINGS), "media": '{"width": 56}',
    "labels": "--labels urn results/5-mean.parquet", "code": "0123456789abcdef",
}  # fmt: skip
MANY = " ".join(f"--labels urn{number} results/{number}-mean.parquet" for number in range(5))


def changed(**now: Any) -> list[str]:
    return reasons(planned_job(BEFORE | now, record_of(TEMPLATE, **BEFORE)))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({}, []),
        ({"code": "fedcba9876543210"}, ["the stage's code, or what it imports, is another"]),
        ({"settings": json.dumps(SETTINGS | {"sampling": SETTINGS["sampling"] | {"votes": 7}})},  # type: ignore[operator]
         ["sampling.votes: 5 → 7"]),
        ({"settings": json.dumps({"sampling": SETTINGS["sampling"], "name": "x"})}, ["new: name", "no title any more"]),
        ({"media": '{"width": 112}'}, ["media.width: 56 → 112"]),
        ({"python": ".envs/teacher-000000000000/bin/python"},
         ["its environment is another: teacher-cd97a9cd3b72 → teacher-000000000000"]),
        ({"media": "{no JSON}"}, ['media: {"width": 56} → {no JSON}']),
        ({"labels": ""}, ["labels: --labels urn results/5-mean.parquet → nothing"]),
        ({"labels": MANY}, ["labels: without urn, results/5-mean.parquet; "
                             "with urn0, results/0-mean.parquet, urn1 and 7 more"]),
        ({"media": '{"width": 112}', "code": "fedcba9876543210"},
         ["media.width: 56 → 112", "the stage's code, or what it imports, is another"]),
    ],
)  # fmt: skip
def test_changed_parameters_are_named(now: dict[str, Any], expected: list[str]) -> None:
    assert changed(**now) == expected


def test_an_environment_that_two_parameters_name_is_told_once() -> None:
    before, now = ({"job": f"lease core-{end}", "python": f".envs/core-{end}/python"} for end in ("0" * 12, "1" * 12))
    job = planned_job(now, record_of("{params.job} {params.python}", **before))
    assert reasons(job) == ["its environment is another: core-000000000000 → core-111111111111"]


def test_what_has_no_name_is_told_without_a_guess() -> None:
    record = record_of("run", votes=5, seed=11, code="0123456789abcdef")
    code = "the stage's code, or what it imports, is another"
    job = planned_job({"votes": 7, "seed": 11, "code": "fedcba9876543210"}, record)
    assert reasons(job) == [code, "other parameters; votes: 7"]
    job = planned_job({"votes": 5, "seed": 11, "code": "fedcba9876543210"}, record, why={"other_command": True})
    assert reasons(job) == [code, "the rule's shell command is another"]


def test_parameters_that_come_and_go_are_named() -> None:
    record = record_of("run {params.votes} {params.seed}", votes=5, seed=11)
    assert reasons(planned_job({"votes": 5}, record)) == ["no parameter seed any more"]
    assert reasons(planned_job({"votes": 5, "seed": 11, "title": "x"}, record)) == ["new parameter title: x"]


def test_other_input_files_are_told_once() -> None:
    files = [f"results/{number}.parquet" for number in range(5)]
    record = record_of("run {params.tables}", ["results/items.parquet"], tables="results/items.parquet")
    job = planned_job({"tables": " ".join(files)}, record, input={"": tuple(files)}, why={"other_inputs": True})
    assert reasons(job) == [
        "other input files than before: without results/items.parquet; "
        "with results/0.parquet, results/1.parquet, results/2.parquet and 2 more"
    ]


def test_words_with_spaces_are_told_apart() -> None:
    titles = [[f"{kind} teacher, {number}-vote" for number in range(4)] for kind in ("old", "new")]
    record = record_of("run {params.names:q}", names=titles[0])
    (reason,) = reasons(planned_job({"names": titles[1]}, record))
    assert reason.startswith('names: without "old teacher, 0-vote", "old teacher, 1-vote"')


@pytest.mark.parametrize(
    ("why", "expected"),
    [({"other_command": True}, "the rule's shell command is another"),
     ({"other_environment": True}, "its environment is another"), ({"forced": True}, "forced by a profile")],
)  # fmt: skip
def test_other_reasons(why: dict[str, bool], expected: str) -> None:
    assert reasons(planned_job(why=why)) == [expected]


def test_files_are_told_by_what_is_with_them() -> None:
    job = planned_job(why={"missing": ("a", "b"), "half_written": ("c",), "changed": ("d",), "remade": ("e",)})
    said = [said_of(kind, files) for kind, files in files_concerned(job).items()]
    assert said == ["a, b are not there", "c was left half-written", "d has changed"]
    assert said_of("changed", list("edcba")) == "e, d, c and 2 more have changed"
    assert followed(job, {"e": "maker", "f": "other"}) == {"maker"}
