"""A judge's settings in two parts: what answers depend on, and their circumstances."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from umui.config.judges import NOT_IDENTITY, Judge
from umui.config.loading import judge_of_parts

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
SECTION = CONFIG["teachers"]["tiny-teacher"]
ENDPOINT = {"url": "https://node17:8000/v1", "model": "served", "key_variable": "KEY"}


def leaves(section: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        elif not (key == "endpoint" and value is None):  # in both parts
            yield f"{prefix}{key}"


@pytest.fixture(params=[None, ENDPOINT], ids=["server of its own", "endpoint"])
def judge(request: pytest.FixtureRequest) -> Judge:
    return Judge.model_validate(SECTION | {"endpoint": request.param})


def test_every_field_is_in_one_part_and_the_parts_give_the_judge_back(judge: Judge) -> None:
    parts = judge.as_json(exclude=NOT_IDENTITY), judge.as_json(include=NOT_IDENTITY)
    decisive, circumstances = (set(leaves(json.loads(part))) for part in parts)
    assert decisive.isdisjoint(circumstances)
    assert decisive | circumstances == set(leaves(json.loads(judge.as_json())))
    assert {"model", "prompt", "sampling.temperature", "sampling.votes", "server.dtype", "jobs"} <= decisive
    assert judge_of_parts(json.loads(parts[0]), json.loads(parts[1])) == judge


def test_a_fault_names_both_parts() -> None:
    decisive = {name: value for name, value in SECTION.items() if name not in ("client", "prompt")}
    with pytest.raises(ValueError, match=r"--settings and --circumstances together(.|\n)*prompt"):
        judge_of_parts(decisive, {"client": SECTION["client"]})


@pytest.mark.parametrize(
    "change",
    [{"title": "other"}, {"client": SECTION["client"] | {"concurrency": 99}},
     {"endpoint": ENDPOINT | {"url": "https://node18:8000/v1", "key_variable": None}},
     {"server": SECTION["server"] | {"start_timeout_s": 9}}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_no_answer_depends_on_is_in_the_circumstances(change: dict[str, Any]) -> None:
    before, after = (Judge.model_validate(SECTION | {"endpoint": ENDPOINT} | more) for more in ({}, change))
    assert before != after
    assert before.as_json(exclude=NOT_IDENTITY) == after.as_json(exclude=NOT_IDENTITY)
