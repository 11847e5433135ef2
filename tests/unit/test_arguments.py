"""A stage's options follow from its signature: each kind of type, what may be left out, the help, and the errors."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from umui.arguments import parser_of, summary_of
from umui.config.evaluation import HypothesisOnly
from umui.files.source import Source

HEADER = """
import a_library_that_is_not_there
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from umui.arguments import Items, Option
from umui.config.evaluation import HypothesisOnly
from umui.config.datasets import Dataset
from umui.tables import Modality

Colour = Literal["red", "blue"]
"""


def parser(parameters: str, docstring: str = "Do it.") -> argparse.ArgumentParser:
    source = Source.parsed("umui.example", f"{HEADER}\ndef stage({parameters}) -> None:\n    {docstring!r}\n")
    return parser_of("stage", source, source.function("stage"))


def parsed(parameters: str, *words: str) -> Any:
    """What the only parameter becomes."""
    (value,) = vars(parser(parameters).parse_args(words)).values()
    return value


@pytest.mark.parametrize(
    ("parameters", "words", "value"),
    [
        ("csv: Path", "--csv a/b.csv", Path("a/b.csv")),
        ("name: str", "--name x", "x"),
        ("media_directory: Path", "--media-directory m", Path("m")),
        ("gpus: int", "--gpus 2", 2),
        ("older_than: float | None", "--older-than 1.5", 1.5),
        ("older_than: float | None", "", None),
        ("dry_run: bool", "--dry-run", True),
        ("dry_run: bool", "", False),
        ("modality: Modality | None", "--modality audio", "audio"),
        ('kind: Colour | Literal["any"]', "--kind any", "any"),
        ("workers: int = 1", "", 1),
        ('results: Path = Path("results")', "", Path("results")),
        ("items: Items", "--items a b", [Path("a"), Path("b")]),
        ("chosen: list[int]", "--chosen 0 3", [0, 3]),
        ("labels: Sequence[Path] = ()", "", ()),
        ("evidence: Annotated[Sequence[Path], Option(may_be_empty=True)]", "--evidence", []),
        ("model: Annotated[Path | None, Option(may_be_empty=True)]", "--model", None),
        ("model: Annotated[Path | None, Option(may_be_empty=True)]", "--model m", Path("m")),
        ('words: Annotated[Sequence[str], Option(name="--word", repeated=True)]', "--word a --word b", ["a", "b"]),
        ("words: Annotated[Sequence[str], Option(repeated=True, may_be_empty=True)]", "", []),
        ("pairs: Sequence[tuple[str, str]]", "--pairs a b --pairs c d", [("a", "b"), ("c", "d")]),
        ("views: Sequence[tuple[Colour, str, str]]", "--views red n f", [("red", "n", "f")]),
        ("votes: Mapping[str, Sequence[Path]]", "--votes a x y --votes b z",
         {"a": [Path("x"), Path("y")], "b": [Path("z")]}),
        ("votes: Annotated[Mapping[str, Sequence[Path]], Option(may_be_empty=True)]", "", {}),
        ('targets: Annotated[Sequence[str], Option(name="targets", may_be_empty=True)] = ("all",)', "", ("all",)),
        ('targets: Annotated[Sequence[str], Option(name="targets", may_be_empty=True)] = ("all",)', "a b", ["a", "b"]),
        ("settings: HypothesisOnly", '--settings {"ngram_max":2,"l2":0.5}', HypothesisOnly(ngram_max=2, l2=0.5)),
        ("settings: Mapping[str, Any]", '--settings {"a":{"b":1}}', {"a": {"b": 1}}),
    ],
)  # fmt: skip
def test_each_kind_of_type_is_read(parameters: str, words: str, value: Any) -> None:
    found = parsed(parameters, *words.split())
    assert found == value
    assert type(found) is type(value)


def test_a_union_of_sections_is_told_apart_by_its_discriminator() -> None:
    found = parsed("settings: Dataset", "--settings", json.dumps({"kind": "manifest", "file": "pairs.csv"}))
    assert found.file == "pairs.csv"


def test_keyword_only_parameters_are_no_options() -> None:
    assert parsed("csv: Path, *, opener=open", "--csv", "a") == Path("a")


@pytest.mark.parametrize(
    ("parameters", "words", "message"),
    [
        ("csv: Path", "", "required: --csv"),
        ("items: Items", "--items", "--items: expected at least one argument"),
        ("items: Annotated[Items, Option(may_be_empty=True)]", "", "required: --items"),
        ("pairs: Sequence[tuple[str, str]]", "", "required: --pairs"),
        ("pairs: Sequence[tuple[str, str]]", "--pairs a", "--pairs: expected 2 arguments"),
        ("votes: Mapping[str, Sequence[Path]]", "", "required: --votes"),
        ("votes: Mapping[str, Sequence[Path]]", "--votes a x --votes a y", "--votes a: give each name once"),
        ("votes: Mapping[str, Sequence[Path]]", "--votes a", "--votes a: give each name once, with its files"),
        ("gpus: int", "--gpus two", "--gpus: invalid int value: 'two'"),
        ("kind: Colour", "--kind green", "--kind: invalid choice: 'green'"),
        ("views: Sequence[tuple[Colour, str]]", "--views green n", "--views green: choose from red, blue"),
        ("settings: HypothesisOnly", "--settings {", "--settings: Invalid JSON"),
        ("settings: HypothesisOnly", '--settings {"ngram_max":0,"b":1}', "--settings: ngram_max: Input should be"),
        ("settings: HypothesisOnly", '--settings {"ngram_max":0,"b":1}', "l2: Field required; b: Extra inputs"),
        ("settings: Mapping[str, Any]", "--settings 3", "--settings: Input should be an object"),
    ],
)
def test_a_fault_names_the_option(
    parameters: str, words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parser(parameters).parse_args(words.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("parameters", "message"),
    [("opener: set[int]", r"umui.example:\d+: opener: no option can be made of set\[int\]"),
     ("named: Mapping[str, int]", "named: no option"), ("rows: Sequence[tuple[int, str]]", "rows: no option"),
     ("csv", "csv: give it a type"),
     ("csv: [Path][0]", "neither a type nor a constant")],
)  # fmt: skip
def test_a_parameter_that_is_no_option_is_named(parameters: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parser(parameters)


def test_the_help_teaches() -> None:
    parameters = (
        'votes: Annotated[Mapping[str, Sequence[Path]], "the votes tables of a judge"], settings: HypothesisOnly, '
        'share: Annotated[float, "in % of all", Option(values="SHARE")] = 0.5'
    )
    docstring = "Do one thing.  Or another.\n\nMore of it.\n\nExample:\n  umui stage --votes a b\n\nDone."
    text = parser(parameters, docstring).format_help()
    wanted = (
        "Do one thing.", "More of it.", "--votes NAME [FILE ...]", "a name, then the votes tables of a judge; repeated",
        '["ngram_max",', "--share SHARE", "in % of all (default: 0.5)", "Example:\n  umui stage --votes a b\n",
    )  # fmt: skip
    for part in wanted:
        assert part in text
    assert text.index("More of it.") < text.index("--share SHARE ") < text.index("Example:") < text.index("Done.")


def test_the_summary_is_the_first_sentence() -> None:
    text = 'def stage() -> None:\n    """Draw it as in v1.5,\n    or not.  And more.\n    """\n'
    assert summary_of(Source.parsed("umui.example", text).function("stage")) == "Draw it as in v1.5, or not."


def test_a_missing_function_is_named() -> None:
    with pytest.raises(ValueError, match=r"umui\.example: there is no function stage"):
        Source.parsed("umui.example", "stage = 1").function("stage")
