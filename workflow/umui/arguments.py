"""The command line of a stage, which is read from the signature of its function.

A parameter is an option of the same name.  Its type says how the option is given, and the text beside it what it means:

    def leakage(items: Items, splits: Splits, csv: Annotated[Path, "the counts, written"]) -> None:

str, int, float, Path           one value
Literal                         one value out of these
bool                            no value; True when the option is given
Sequence[X]                     values, one at least
Sequence[tuple[X, Y]]           two values; the option is repeated
Mapping[str, Sequence[Path]]    a name, then its files; the option is repeated
Settings, Mapping[str, Any]     JSON: a section of the configuration, or a part of one

An option may be left out when its parameter has a default or may be None.  `Option` says what a type cannot.
A keyword-only parameter is no option: it is for callers in Python.

Signatures are read from their sources: the help of a stage needs none of its libraries, only the sections of the
configuration that it names.
"""

import argparse
import ast
import functools
import json
import operator
import shutil
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from umui.files.source import Source


@dataclass(frozen=True)
class Option:
    """What the type of a parameter does not say of its option.

    `name` is the option's, where it is not the parameter's; one without dashes is given by its place alone.
    `values` stand for the values in help texts.  A `repeated` option has one member of a sequence each time.
    With `may_be_empty` the option's name may stand alone; one that is repeated may be left out.
    """

    name: str = ""
    values: str | tuple[str, ...] | None = None
    repeated: bool = False
    may_be_empty: bool = False


Items = Annotated[Sequence[Path], "items tables"]
EvidenceTables = Annotated[Sequence[Path], "evidence tables, all shards", Option(may_be_empty=True)]
Shard = Annotated[int, "0, 1, ...: which piece"]
Shards = Annotated[int, "how many pieces there are"]
Splits = Annotated[Sequence[str], "which splits to predict"]
Predictions = Annotated[Mapping[str, Sequence[Path]], "the predictions tables of a model"]
AnyPredictions = Annotated[Predictions, Option(may_be_empty=True)]
Role = Annotated[Literal["student", "teacher", "baseline", "control", "oracle"], "what the model is in the tables"]
ModelDirectory = Annotated[
    Path | None,
    "where parameters.json says the model's size; nothing for a model without one",
    Option(may_be_empty=True),
]
Base = Annotated[str, "the base model's directory or hub name"]
StudentDirectory = Annotated[Path, "the student's directory"]
TrainedBase = Annotated[str | None, "its base's directory or hub name (default: where it was in the training)"]
Revision = Annotated[str | None, "commit of a hub model"]
Features = Annotated[Path | None, "directory of features that are kept between runs"]
FeaturesMb = Annotated[int, "most megabytes of them; 0 keeps none"]
Svg = Annotated[Path, "the figure, written"]
Png = Annotated[Path, "the same figure, written"]
Workers = Annotated[int, "threads, or files at a time"]

METAVARS = {Path: "PATH", int: "N", float: "X"}
REQUIRED: Any = object()


def parser_of(stage: str, source: Source, function: ast.FunctionDef) -> argparse.ArgumentParser:
    """Return what parses a stage's arguments into those of its function, which stands in `source`.

    Raises ValueError when no option can be made of a parameter.
    """
    about, separator, examples = (ast.get_docstring(function) or "").partition("\n\nExample")
    parser = argparse.ArgumentParser(
        prog=f"umui {stage}",
        description=_filled(about),
        epilog=_filled(f"Example{examples}") if separator else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments, defaults = function.args.posonlyargs + function.args.args, function.args.defaults
    required = [REQUIRED] * (len(arguments) - len(defaults))
    for argument, default in zip(arguments, [*required, *map(source.value, defaults)], strict=True):
        where = f"{source.module}:{argument.lineno}: {argument.arg}"
        if argument.annotation is None:
            raise ValueError(f"{where}: give it a type, from which its option follows")
        try:
            _add(parser, argument.arg, source.value(argument.annotation), default)
        except TypeError as error:
            raise ValueError(f"{where}: no option can be made of {ast.unparse(argument.annotation)}") from error
    return parser


def summary_of(function: ast.FunctionDef) -> str:
    """Return the first sentence of a function's docstring."""
    paragraph = (ast.get_docstring(function) or "").partition("\n\n")[0]
    sentence, dot, _ = " ".join(paragraph.split()).partition(". ")
    return sentence + dot.strip()


def _filled(text: str) -> str:
    """Fill paragraphs to the terminal's width, but for those with indented lines, which are examples."""
    width = min(shutil.get_terminal_size().columns - 2, 100)
    paragraphs = text.split("\n\n")
    return "\n\n".join(each if "\n " in each else textwrap.fill(each, width) for each in paragraphs)


def _add(parser: argparse.ArgumentParser, parameter: str, annotation: Any, default: Any) -> None:
    """Add the option of a parameter.  Raises TypeError when there is none for its type."""
    kind, optional, meaning, option = _parts(annotation)
    given = _values(kind, annotation, option)
    repeated = "action" in given and kind is not bool
    if default is REQUIRED:
        default = _when_left_out(kind, optional, repeated and option.may_be_empty)
    name = option.name or f"--{parameter.replace('_', '-')}"
    if name.startswith("-"):
        given |= {"dest": parameter, "required": default is REQUIRED}
    if default is not REQUIRED:
        given["default"] = default
    if option.values:
        given["metavar"] = option.values
    named = "a name, then " if given.get("action") is _NamedFiles else ""
    described = f"{named}{meaning or _fields(kind)}{'; repeated' * repeated}{_shown(default)}"
    parser.add_argument(name, help=described.replace("%", "%%"), **given)


def _when_left_out(kind: Any, optional: bool, may_be_empty: bool) -> Any:
    """Return what an option is that is not given, and whose parameter has no default; REQUIRED if it must be given."""
    if optional:
        return None
    if kind is bool:
        return False
    empty: Any = [] if _is_sequence(kind) else {}
    return empty if may_be_empty else REQUIRED


def _parts(annotation: Any) -> tuple[Any, bool, str, Option]:
    """Return a type without None and annotations, whether None was in it, its meaning, and what else is said of it."""
    kind, *extras = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    optional = get_origin(kind) in (Union, UnionType) and NoneType in get_args(kind)
    if optional:
        kind = functools.reduce(operator.or_, (member for member in get_args(kind) if member is not NoneType))
    meanings = [extra for extra in extras if isinstance(extra, str)]
    options = [extra for extra in extras if isinstance(extra, Option)]
    return kind, optional, meanings[-1] if meanings else "", options[-1] if options else Option()


def _values(kind: Any, annotation: Any, option: Option) -> dict[str, Any]:
    """Return how argparse reads an option's values.  Raises TypeError when it cannot."""
    if kind is bool:
        return {"action": "store_true"}
    if kind == Mapping[str, Sequence[Path]]:
        return {"action": _NamedFiles, "nargs": "+", "metavar": ("NAME", "FILE")}
    if not _is_sequence(kind):
        return _value(kind, annotation) | ({"nargs": "?"} if option.may_be_empty else {})
    (member,) = get_args(kind)
    if get_origin(member) is tuple:
        kinds = get_args(member)
        if any(kind is not str and not _choices(kind) for kind in kinds):
            raise TypeError(member)
        return {"action": functools.partial(_Rows, kinds=kinds), "nargs": len(kinds)}
    several = {"action": "append"} if option.repeated else {"nargs": "*" if option.may_be_empty else "+"}
    return _value(member, member) | several


def _value(kind: Any, annotation: Any) -> dict[str, Any]:
    """Return how argparse reads one value.  Raises TypeError when it cannot."""
    if kind is str:
        return {}
    if kind in METAVARS:
        return {"type": kind, "metavar": METAVARS[kind]}
    if choices := _choices(kind):
        return {"choices": choices}
    if kind == Mapping[str, Any] or all(hasattr(member, "model_fields") for member in _members(kind)):
        return {"type": _from_json(annotation), "metavar": "JSON"}
    raise TypeError(kind)


def _is_sequence(kind: Any) -> bool:
    return get_origin(kind) in (Sequence, list)


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the types that a type is the union of."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _choices(kind: Any) -> list[Any]:
    """Return the values of a Literal, or of a union of them."""
    literals = all(get_origin(member) is Literal for member in _members(kind))
    return [value for member in _members(kind) for value in get_args(member)] if literals else []


def _from_json(annotation: Any) -> Callable[[str], Any]:
    """Return what reads a type from JSON, and says by key what is wrong."""
    from pydantic import TypeAdapter, ValidationError  # slow to import, and many stages have no settings

    adapter = TypeAdapter(annotation)

    def read(text: str) -> Any:
        try:
            return adapter.validate_json(text)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise argparse.ArgumentTypeError("; ".join(fault.removeprefix(": ") for fault in faults)) from None

    return read


def _fields(section: Any) -> str:
    """Return what a section of the configuration is, with its fields."""
    fields = getattr(section, "model_fields", {})
    meanings = "; ".join(f"{name}: {field.description}" for name, field in fields.items() if field.description)
    return f"a section of the configuration as JSON: {json.dumps(list(fields))}. {meanings}" if fields else ""


def _shown(default: Any) -> str:
    if default is REQUIRED or default is None or isinstance(default, bool):
        return ""
    shown = " ".join(default) if isinstance(default, tuple | list | dict) else str(default)
    return f" (default: {shown})" if shown else ""


class _NamedFiles(argparse.Action):
    """Collect ``--flag NAME FILE FILE ... --flag NAME FILE ...`` as a dictionary of lists of paths."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        name, *files = values
        collected = dict(getattr(namespace, self.dest) or {})
        if name in collected or not files:
            parser.error(f"{option_string} {name}: give each name once, with its files after it")
        setattr(namespace, self.dest, collected | {name: [Path(file) for file in files]})


class _Rows(argparse.Action):
    """Collect ``--flag A B --flag A B ...`` as a list of tuples of these `kinds`."""

    def __init__(self, *given: Any, kinds: Sequence[Any], **named: Any) -> None:
        super().__init__(*given, **named)
        self._kinds = kinds

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        for value, kind in zip(values, self._kinds, strict=True):
            if (choices := _choices(kind)) and value not in choices:
                parser.error(f"{option_string} {value}: choose from {', '.join(choices)}")
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or []), tuple(values)])
