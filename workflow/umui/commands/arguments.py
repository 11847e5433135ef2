"""What the subcommands share: arguments that many have, and how a stage is named."""

import argparse
import json
from pathlib import Path
from typing import Any

from umui.config.base import Settings
from umui.config.loading import merged


def stage(stages: Any, name: str, summary: str) -> argparse.ArgumentParser:
    """Add a subcommand, whose function ``cli.STAGES`` names and gets its arguments by name."""
    parser: argparse.ArgumentParser = stages.add_parser(name, help=summary, description=summary)
    parser.set_defaults(stage=name)
    return parser


def settings(parser: argparse.ArgumentParser, model: type[Settings]) -> None:
    """Add a section of the configuration, as JSON."""
    parser.add_argument(
        "--settings", type=model.model_validate_json, required=True, metavar="JSON", help=_described(model)
    )


def settings_in_parts(parser: argparse.ArgumentParser, model: type[Settings], flag: str, what: str) -> None:
    """Add a section of the configuration whose fields stand in two options; the stage gets them as one."""

    class Joined(argparse.Action):
        """Hold the part that comes first until the other comes."""

        def __call__(
            self,
            parser: argparse.ArgumentParser,
            namespace: argparse.Namespace,
            values: Any,
            option_string: str | None = None,
        ) -> None:
            part = getattr(namespace, self.dest)
            try:
                whole = values if part is None else model.model_validate(merged(part, values))
            except ValueError as error:
                parser.error(f"--settings and {flag} together: {error}")
            setattr(namespace, self.dest, whole)

    for option, described in (("--settings", f"{_described(model)}; but for those of {flag}"), (flag, what)):
        parser.add_argument(
            option, dest="settings", action=Joined, type=json.loads, required=True, metavar="JSON", help=described
        )


def _described(model: type[Settings]) -> str:
    described = "; ".join(
        f"{name}: {field.description}" for name, field in model.model_fields.items() if field.description
    )
    fields = json.dumps(list(model.model_fields))
    return f"a section of the configuration as JSON: {fields}. {described}".replace("%", "%%")


def file(parser: argparse.ArgumentParser, flag: str, what: str) -> None:
    """Add a file that is read or written, as `what` says."""
    parser.add_argument(flag, type=Path, required=True, help=what)


def files(parser: argparse.ArgumentParser, flag: str, what: str) -> None:
    """Add files that are read, one at least."""
    parser.add_argument(flag, type=Path, nargs="+", required=True, help=what)


def items_and_shard(parser: argparse.ArgumentParser) -> None:
    """Add the items tables of all data sets, and which piece of the work is meant."""
    files(parser, "--items", "items tables of all datasets")
    parser.add_argument("--shard", type=int, required=True, help="0, 1, ...: which piece")
    parser.add_argument("--shards", type=int, required=True, help="how many pieces there are")


def named_tables(parser: argparse.ArgumentParser, flag: str, what: str, required: bool = False) -> None:
    """Add a flag whose first value is a name, and whose others are that name's tables."""
    parser.add_argument(
        flag,
        action=_NamedFiles,
        nargs="+",
        default={},
        required=required,
        metavar=("NAME", "FILE"),
        help=f"a name, then {what}; repeated",
    )


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
        collected = dict(getattr(namespace, self.dest))
        if name in collected or not files:
            parser.error(f"{option_string} {name}: give each name once, with its files after it")
        setattr(namespace, self.dest, collected | {name: [Path(file) for file in files]})


def figure(parser: argparse.ArgumentParser) -> None:
    """Add both files of a figure."""
    file(parser, "--svg", "the figure, written")
    file(parser, "--png", "the same figure, written")


def parameters(directory: str) -> int:
    """Return how many parameters the model in a directory has."""
    count: int = json.loads((Path(directory) / "parameters.json").read_text())["parameters"]
    return count


def workers(parser: argparse.ArgumentParser) -> None:
    """Add how many threads or processes may be used."""
    parser.add_argument("--workers", type=int, default=1, help="threads, or files at a time (default: 1)")
