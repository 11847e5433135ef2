"""A head that is one file beside the others trains, is kept, answers and is exported, by their code unchanged."""

import json
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from pydantic import Field
from safetensors.torch import load_file
from student_world import EVERYWHERE, contents, predict, run, student_settings

from umui.backbone import omni
from umui.config.base import Positive
from umui.config.students import READ_OUTS, Student
from umui.files.parquet import read_rows
from umui.students import heads
from umui.students.checkpoints import Checkpoints
from umui.students.directory import describe, load
from umui.students.export import export
from umui.students.heads.head import Head, head_of
from umui.tables import TRAINING_LOG
from umui.use.scorer import Scorer

NUMBER = '''
"""One number: the sigmoid of a linear function of the prompt's last hidden state, with the squared error."""

import torch
from torch import nn

from umui.backbone.packing import pack
from umui.students.heads.head import Head, last_states


class Number(Head):
    def __init__(self, hidden_size, *, scale, device=None, dtype=None):
        super().__init__(hidden_size)
        self.scale = scale
        self.row = nn.Parameter(torch.empty(1, hidden_size, device=device, dtype=dtype))
        nn.init.normal_(self.row, std=0.02)

    @staticmethod
    def used_with(settings):
        return {"scale": settings.scale}

    def number(self, thinker, batch, features):
        return torch.sigmoid(self.scale * last_states(thinker, batch, features) @ self.row[0])

    def losses(self, settings, thinker, batch, features, labels_N):
        return (self.number(thinker, batch, features) - labels_N) ** 2

    def answers(self, thinker, encoder, premises, features, suffixes):
        batch = pack(premises, suffixes, encoder.pad_token).to(thinker.device)
        return [("ok", probability, None) for probability in self.number(thinker, batch, features).tolist()]

    def summary(self):
        return "one number"

    def vocabulary(self):
        return {"<ODDS>": self.scale * self.row[0]}

    def instructions(self, words):
        return "Its answer is the sigmoid of the logit of `<ODDS>`."


HEAD = Number
'''


class WithNumber(Student):
    """Settings of a student whose configuration knows this head, too."""

    read_out: Literal["distribution", "text", "number"]  # type: ignore[assignment]
    scale: Positive | None = Field(default=None, exclude_if=lambda scale: scale is None)


@pytest.fixture(autouse=True)
def number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The head as a file of its own, where heads are looked for."""
    folder = tmp_path / "heads"
    folder.mkdir()
    (folder / "number.py").write_text(NUMBER)
    monkeypatch.setattr(heads, "__path__", [*heads.__path__, str(folder)])
    yield
    sys.modules.pop("umui.students.heads.number", None)


def settings(**changes: Any) -> Student:
    plain = student_settings(lora=EVERYWHERE, **changes).model_dump()
    return WithNumber.model_validate(plain | {"read_out": "number", "scale": 20})


def test_every_read_out_of_the_configuration_has_its_head() -> None:
    assert all(issubclass(head_of(name), Head) for name in READ_OUTS)


def test_its_key_is_not_in_the_settings_of_other_students() -> None:
    plain = student_settings()
    assert WithNumber.model_validate(plain.model_dump()).as_json() == plain.as_json()
    assert '"scale": 20' in settings().as_json()


def test_it_trains_and_a_killed_training_ends_in_the_same_bytes(
    base: Path, world: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = run(settings(steps=24), base, world, tmp_path / "whole")
    losses = [row["loss"] for row in read_rows(student / "training_log.parquet", TRAINING_LOG)]
    assert sum(losses[-4:]) < 0.7 * sum(losses[:4])
    log = Checkpoints.log

    def log_until_five(kept: Checkpoints, row: Any) -> None:
        if row["step"] == 5:
            raise InterruptedError
        log(kept, row)

    monkeypatch.setattr(Checkpoints, "log", log_until_five)
    with pytest.raises(InterruptedError):
        run(settings(steps=24), base, world, tmp_path / "broken")
    monkeypatch.setattr(Checkpoints, "log", log)
    assert contents(run(settings(steps=24), base, world, tmp_path / "broken")) == contents(student)


def test_its_directory_names_it_and_makes_it_again(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    student = run(settings(), base, world, tmp_path)
    assert json.loads((student / "clue.json").read_text())["head"] == {"read_out": "number", "scale": 20.0}
    assert (describe(student).read_out, describe(student).head) == ("number", {"scale": 20.0})
    assert "says how probable the hypothesis is, as one number." in (student / "README.md").read_text()
    _, trained = load(student, str(base), None, torch.float32)
    assert torch.equal(trained.head.row, load_file(student / "confidence_head.safetensors")["row"])

    rows = predict(student, base, world, tmp_path / "predictions", settings())
    told = {row["item_id"]: row["probability"] for row in rows if row["status"] == "ok"}
    assert len(set(told.values())) > len(told) / 2
    assert {row["distribution"] for row in rows} == {None}
    scored = Scorer.from_pretrained(student).score("It is red.", text="Ball 0 was blue.")
    assert scored.probability == pytest.approx(told["world/test/text/0#0"], abs=1e-5)
    assert (scored.interval, scored.distribution) == (None, None)


def test_its_export_holds_its_row_and_says_how_it_is_read(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    student = run(settings(), base, world, tmp_path)
    export(student, str(base), tmp_path / "exported")
    exported = omni.load(tmp_path / "exported", torch.float32)
    place = exported.processor.tokenizer.convert_tokens_to_ids("<ODDS>")
    head = load_file(student / "confidence_head.safetensors")["row"][0]
    assert torch.equal(exported.thinker.lm_head.weight[place], 20 * head)
    assert json.loads((tmp_path / "exported" / "clue.json").read_text())["tokens"] == ["<ODDS>"]
    assert "the sigmoid of the logit of `<ODDS>`" in (tmp_path / "exported" / "README.md").read_text()


def test_a_directory_of_a_head_that_is_not_here_is_refused(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    student = run(settings(steps=1), base, world, tmp_path)
    file = student / "clue.json"
    file.write_text(file.read_text().replace('"number"', '"ordinal"'))
    with pytest.raises(ValueError, match="read_out: ordinal: this version has no such head"):
        load(student, str(base), None, torch.float32)


def test_weights_of_another_head_are_refused(base: Path, world: dict[str, Path], tmp_path: Path) -> None:
    student = run(settings(steps=1), base, world, tmp_path)
    other = run(student_settings(lora=EVERYWHERE, steps=1), base, world, tmp_path / "other")
    (student / "confidence_head.safetensors").write_bytes((other / "confidence_head.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"confidence_head\.safetensors has .*weight.*row.*train the student again"):
        load(student, str(base), None, torch.float32)
