"""Every subcommand calls a function that is there, with the arguments that it takes: seen without importing a stage."""

import argparse
import ast
from pathlib import Path

import pytest

from umui.cli import STAGES as FUNCTIONS
from umui.cli import parser

PACKAGE = Path(__file__).parents[2] / "workflow" / "umui"
STAGES: dict[str, argparse.ArgumentParser] = next(
    action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
)


@pytest.mark.parametrize("name", STAGES)
def test_a_subcommand_fits_its_function(name: str) -> None:
    stage = STAGES[name]
    module, _, function = FUNCTIONS[name].partition(":")
    file = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    (found,) = [
        node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    assert found.args.kwarg is None, "anything would fit"
    taken = [argument.arg for argument in (*found.args.args, *found.args.kwonlyargs)]
    given = [action.dest for action in stage._actions if action.dest != "help"]
    twice = {name for name in given if given.count(name) > 1}
    assert twice <= {"settings"}, "an argument stands twice; a section alone may come in parts"
    assert set(given) <= set(taken), f"{function} does not take {set(given) - set(taken)}"
    optional = taken[len(found.args.args) - len(found.args.defaults) :] if found.args.defaults else []
    assert set(taken) - set(optional) <= set(given), f"{function} also needs {set(taken) - set(given)}"
    assert stage.description


def test_help_of_every_subcommand_can_be_printed() -> None:
    for stage in STAGES.values():
        assert "--" in stage.format_help()
