"""The configuration: faults are found before any job, and the message names key, value and remedy."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from umui.config.loading import ConfigError, load
from umui.config.run import Config

ROOT = Path(__file__).parents[2]


@pytest.fixture
def raw() -> dict[str, Any]:
    """The default configuration, as read."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    return copy.deepcopy(loaded)


def test_the_default_configuration_is_right(raw: dict[str, Any]) -> None:
    assert set(load(raw).judges) == {"tiny-teacher", "tiny-base", "tiny-base-binary"}


def test_the_schema_is_in_step_with_the_model() -> None:
    written = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert written == Config.model_json_schema(), "run `make schema`"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("teachers.tiny-teacher.sampling.temprature", 1, ["tiny-teacher.sampling.temprature", "'temperature'"]),
        ("media.jpeg_quality", 99, ["media.jpeg_quality", "99", "31"]),
        ("models.tiny-base.family", "llama", ["models.tiny-base.family", "llama", "qwen2_5_omni"]),
        ("labels.5-max.votes", 9, ["labels.5-max.votes", "9", "teachers.tiny-teacher.sampling.votes"]),
        ("students.clue-d.base", "nobody", ["students.clue-d.base", "nobody", "tiny-base"]),
        ("students.clue-d.sources.urn.label", None, ["students.clue-d.sources.urn", "teacher", "label"]),
        ("models.tiny-base.path", "somewhere", ["models.tiny-base", "path", "tiny"]),
        ("models.Bad/Name", {"family": "qwen3", "path": "x"}, ["Bad/Name"]),
        ("datasets.urn", None, ["datasets"]),
        ("students.clue-d.title", "CLUE'; rm", ["students.clue-d.title", "CLUE'; rm"]),
        ("students.clue-t.like", "nobody", ["students.clue-t.like", "nobody", "clue-d"]),
        ("datasets.urn.kind", "um", ["datasets.urn", "um", "manifest"]),
        ("datasets.urn.drawsmin", 1, ["datasets.urn.drawsmin", "'draws_min'"]),
    ],
)
def test_a_fault_is_named(raw: dict[str, Any], path: str, value: Any, expected: list[str]) -> None:
    *parents, last = path.split(".") if path != "labels.5-max.votes" else ["labels", "5-max", "votes"]
    node = raw
    for parent in parents:
        node = node[parent]
    node[last] = value
    with pytest.raises(ConfigError) as caught:
        load(raw)
    for part in expected:
        assert part in str(caught.value)


def test_a_family_is_not_asked_about_what_it_cannot_see(raw: dict[str, Any]) -> None:
    raw["families"]["qwen3_vl"] = ["text", "video"]
    raw["models"]["tiny-teacher"]["family"] = "qwen3_vl"
    with pytest.raises(ConfigError, match=r"teachers\.tiny-teacher\.datasets\.urn.*audio"):
        load(raw)


def test_null_removes_an_entry(raw: dict[str, Any]) -> None:
    raw["baselines"]["tiny-base-binary"] = None
    assert set(load(raw).judges) == {"tiny-teacher", "tiny-base"}


@pytest.mark.parametrize("overlay", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_overlays_are_right(raw: dict[str, Any], overlay: Path) -> None:
    def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
        for key, value in above.items():
            both = isinstance(value, dict) and isinstance(below.get(key), dict)
            below[key] = merge(below[key], value) if both else value
        return below

    load(merge(raw, yaml.safe_load(overlay.read_text())))


def test_an_entry_like_another_differs_in_its_own_keys_alone(raw: dict[str, Any]) -> None:
    raw["students"]["mixed"] = {"like": "clue-d", "title": "CLUE-D, mixed", "training": {"batching": "mixed"}}
    students = load(raw).students
    first = students["clue-d"]
    training = first.training.model_copy(update={"batching": "mixed"})
    assert students["mixed"] == first.model_copy(update={"title": "CLUE-D, mixed", "training": training})


def test_likes_do_not_chain(raw: dict[str, Any]) -> None:
    raw["students"] |= {"one": {"like": "clue-d"}, "two": {"like": "one"}}
    with pytest.raises(ConfigError, match=r"students\.two\.like: 'one' is like another itself; name 'clue-d'"):
        load(raw)


def test_a_teacher_that_is_read_has_one_vote_for_labels(raw: dict[str, Any]) -> None:
    once = {"votes": 1, "temperature": 0.0, "max_tokens": 1, "answer_pattern": None}
    read = {"opening": "", "tokens": ["0", "1"], "values": [0, 1]}
    raw["teachers"]["reader"] = {"like": "tiny-teacher", "title": "reader", "sampling": once, "read": read}
    source = raw["students"]["clue-d"]["sources"]["urn"]
    source |= {"teacher": "reader", "label": "1-vote"}
    assert load(raw).votes["reader"] == 1
    source |= {"label": "5-mean"}
    with pytest.raises(ConfigError, match=r"sources\.urn\.label: 5-mean, but reader is read, once"):
        load(raw)
