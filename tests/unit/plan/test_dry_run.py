"""What a dry run says is read rightly: jobs, commands, and which parameter went from what to what."""

import json
from typing import Any

import pytest

from umui.plan.dry_run import Job, changes, followed, read_jobs, reasons

SETTINGS = {"sampling": {"temperature": 1.0, "votes": 5, "answer_pattern": "0\\.\\d"}, "title": "a; b, now: c"}
WARMER = {**SETTINGS, "sampling": {**SETTINGS["sampling"], "temperature": 0.7}}  # type: ignore[dict-item]


def as_parameter(value: Any) -> str:
    return repr(json.dumps(value))


OUTPUT = f"""Building DAG of jobs...
Job stats:
job      count
-----  -------
ask          1

[Sat Nov 21 06:24:38 2026]
rule ask:
    input: results/items.parquet, results/models/m
    output: results/votes/a/0.parquet, results/timings/a/0.parquet
    jobid: 14
    benchmark: results/benchmarks/ask/a/0.tsv
    reason: Params have changed since last execution: Union of exclusive params before and now across all output: \
before: {as_parameter(SETTINGS)},'0123456789abcdef' now: 'fedcba9876543210',{as_parameter(WARMER)}
    wildcards: judge=a, piece=0
Shell command:
        export X=1
        python -m umui.cli ask --settings '{json.dumps(WARMER)}' --judge a \
            --chosen 0 2> >(tee results/logs/ask.log)


[Sat Nov 21 06:24:39 2026]
rule table:
    input: results/metrics.parquet
    output: results/table.csv
    jobid: 15
    reason: Input files updated by another job: results/votes/a/0.parquet, results/timings/a/0.parquet
    resources: tmpdir=/tmp
Shell command: python -m umui.cli table --csv results/table.csv
[Sat Nov 21 06:24:39 2026]
rule all:
    input: results/table.csv
    jobid: 0
    reason: Input files updated by another job: results/table.csv
Shell command: None
Job stats:
job      count
"""


def test_jobs_are_read_with_their_commands() -> None:
    ask, table = read_jobs(OUTPUT)
    assert (ask.rule, ask.wildcards, ask.outputs[1]) == (
        "ask",
        {"judge": "a", "piece": "0"},
        "results/timings/a/0.parquet",
    )
    assert ask.arguments() == ["ask", "--settings", json.dumps(WARMER), "--judge", "a", "--chosen", "0"]
    assert table.arguments() == ["table", "--csv", "results/table.csv"]


def test_the_changed_key_is_named_and_followers_name_rules() -> None:
    ask, table = read_jobs(OUTPUT)
    assert list(reasons(ask)) == ["the stage's code, or what it imports, is another", "sampling.temperature: 1.0 → 0.7"]
    assert list(reasons(table)) == []
    assert followed(table, {file: job.rule for job in (ask, table) for file in job.outputs}) == {"ask"}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ([5], [10], ["5 → 10"]),
        ([], ["results/models/m"], ["new: results/models/m"]),
        (["--votes a 0"], [], ["no longer: --votes a 0"]),
        (["--votes a 0 1 --votes b 0"], ["--votes a 0 1 --votes c 2"], ["without b; with c, 2"]),
        ([{"a": 1, "b": {"c": 1}}], [{"a": 1, "d": 1}], ["no b any more", "new: d"]),
        ([{"a": 1}, {"x": 1, "y": 2}], [{"x": 1, "y": 3}, {"a": 2}], ["a: 1 → 2", "y: 2 → 3"]),
    ],
)
def test_parameters_are_compared_with_what_they_are_most_alike(before: Any, now: Any, expected: list[str]) -> None:
    assert sorted(changes(before, now)) == sorted(expected)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Missing output files: b, a", ["a, b are not there"]),
        ("Missing output files: a; Code has changed since last execution",
         ["the rule's shell command is another", "a is not there"]),
        ("Updated input files: x; Software environment definition has changed since last execution",
         ["its environment is another", "x has changed"]),
        ("Updated input files: e, d, c, b, a", ["a, b, c and 2 more have changed"]),
        ("Set of input files has changed since last execution", ["other input files than before"]),
    ],
)  # fmt: skip
def test_other_reasons(reason: str, expected: list[str]) -> None:
    assert list(reasons(Job("r", {}, [], ["no/such/output"], None, reason, ""))) == expected
