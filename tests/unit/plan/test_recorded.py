"""Which value of Snakemake's record had which name: what the recorded command tells for certain, and nothing else."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned import command, planned_job, record_of

from umui.plan.dry_run import Record, value_of
from umui.plan.recorded import parameters_before, shown

NAMES = st.sampled_from(["settings", "code", "votes", "name", "files"])
VALUES = st.one_of(
    st.text(string.printable, max_size=6), st.integers(0, 12), st.none(),
    st.lists(st.sampled_from(["a", "b c", "0"]), max_size=3),
)  # fmt: skip
WORDS = st.sampled_from([" ", " --votes ", "; echo '{{}}' ", " {input} ", ""])


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.data())
def test_what_is_told_is_so(values: dict[str, Any], data: st.DataObject) -> None:
    fields = data.draw(st.lists(st.sampled_from([f"{{params.{name}{form}}}" for name in values for form in ("", ":q")]),
                                max_size=6)) if values else []  # fmt: skip
    template = "run" + "".join(data.draw(WORDS) + field for field in fields)
    record = record_of(template, **values)
    now = {name: data.draw(VALUES) for name in values}
    for name, literal in parameters_before(planned_job(now, record)).items():
        assert shown(literal) == shown(repr(values[name]))


TEMPLATE = "ask --settings {params.settings:q} --votes {params.votes} --items {input} --chosen {params.chosen} > log"
BEFORE = {"settings": '{"title": "it\'s"}', "votes": 5, "chosen": [0, 1], "code": "0123456789abcdef"}
NOW = {"settings": "{}", "votes": 7, "chosen": [], "code": "fedcba9876543210"}


def test_the_command_tells_the_names_though_all_values_are_others() -> None:
    told = parameters_before(planned_job(NOW, record_of(TEMPLATE, **BEFORE)))
    assert {name: value_of(literal) for name, literal in told.items()} == BEFORE, "the last one is that without a field"


def test_a_last_value_is_nobodys_when_the_rule_is_another() -> None:
    told = parameters_before(planned_job(NOW, record_of(TEMPLATE, **BEFORE), why={"other_command": True}))
    assert told.keys() == {"settings", "votes", "chosen"}


def test_a_place_that_two_values_fit_tells_nothing() -> None:
    two = record_of("run {params.a}{input} {params.b}", a="x", b="y", c="xresults/items.parquet")
    assert parameters_before(planned_job({"a": "1", "b": "2", "c": "3"}, two)) == {"b": "'y'"}


def test_numbers_and_words_that_look_the_same_are_kept_apart() -> None:
    record = record_of("run {params.shards} {params.piece}", shards=2, piece="2")
    assert parameters_before(planned_job({"shards": 2, "piece": "2"}, record)) == {"shards": "2", "piece": "'2'"}
    told = parameters_before(planned_job({"shards": 3, "piece": "2"}, record))
    assert list(map(shown, told.values())) == ["2", "2"]


def test_what_is_not_recorded_may_be_anything() -> None:
    record = record_of("run {params.client:q} {params.votes}", unrecorded=["client"], client="quick", votes=5)
    assert parameters_before(planned_job({"client": "slow", "votes": 7}, record, ["client"])) == {"votes": "5"}


@pytest.mark.parametrize("template", ["", "quite another {params.votes}"])
def test_a_record_whose_command_is_not_the_template_tells_no_field(template: str) -> None:
    record = Record(template, command(TEMPLATE, **BEFORE), tuple(map(repr, BEFORE.values())), ())
    assert parameters_before(planned_job(NOW, record)) == {}
    assert parameters_before(planned_job(NOW | {"votes": 5}, record)) == {}


def test_a_wildcard_is_as_before() -> None:
    record = record_of("aggregate", judge="a", code="0123456789abcdef")
    job = planned_job({"judge": "a", "code": "fedcba9876543210"}, record, wildcards={"judge": "a"})
    assert parameters_before(job) == {"judge": "'a'", "code": "'0123456789abcdef'"}
    assert parameters_before(planned_job({"judge": "a", "code": "fedcba9876543210"}, record)) == {}
