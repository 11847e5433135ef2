"""A faulty prompt is found before any job, and every prompt that is here is right."""

from pathlib import Path

import pytest

from umui.prompts import rendering
from umui.prompts.rendering import TEMPLATES, check_template

RIGHT = (TEMPLATES / "scalar-v1.jinja").read_text()


@pytest.mark.parametrize("prompt", [path.stem for path in TEMPLATES.glob("*.jinja")])
def test_every_template_can_be_used(prompt: str) -> None:
    check_template(prompt)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("block premise", "block premises", "lacks the blocks premise"),
        ("scalar\n", "scaler\n", "'scaler'; make it scalar or binary"),
        ("{{ hypothesis }}", "{{ hypotheses }}", "'hypotheses' is undefined"),
        ("{{ hypothesis }}", "{{ hypothesis }", "cannot be rendered"),
    ],
)
def test_a_faulty_template_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, message: str
) -> None:
    assert old in RIGHT
    (tmp_path / "faulty.jinja").write_text(RIGHT.replace(old, new))
    monkeypatch.setattr(rendering, "TEMPLATES", tmp_path)
    rendering._template.cache_clear()
    with pytest.raises(ValueError, match=rf"^prompt: faulty\.jinja.*{message}"):
        check_template("faulty")
    rendering._template.cache_clear()


def test_a_prompt_without_a_template_is_told_of_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"^prompt: 'nobody' is not among the templates: .*scalar-v1"):
        check_template("nobody")
