"""The digest of a stage's code."""

from pathlib import Path

import pytest

from umui.files import code
from umui.files.code import source_digest


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the name umui with a chain of imports: stage -> helper -> deep, and a bystander."""
    root = tmp_path / "umui"
    root.mkdir()
    for name, text in {
        "__init__": "",
        "stage": "from umui import helper\n",
        "helper": "from umui.deep import VALUE\n",
        "deep": "VALUE = 1\n",
        "bystander": "VALUE = 2\n",
    }.items():
        (root / f"{name}.py").write_text(text)
    (root / "prompt.jinja").write_text("words")
    monkeypatch.setattr(code, "PACKAGE", root)
    monkeypatch.setattr(code.importlib.util, "find_spec", lambda name: _Spec(tmp_path, name))
    return root


class _Spec:
    def __init__(self, root: Path, name: str) -> None:
        path = root.joinpath(*name.split("."))
        self.origin = str(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("deep.py", "VALUE = 3\n", True),
        ("deep.py", "# a comment\nVALUE = 1\n", False),
        ("bystander.py", "VALUE = 4\n", False),
        ("prompt.jinja", "other words", True),
    ],
)
def test_the_digest_of_code_follows_imports(package: Path, file: str, text: str, changes: bool) -> None:
    before = source_digest("umui.stage")
    (package / file).write_text(text)
    assert (source_digest("umui.stage") != before) == changes
