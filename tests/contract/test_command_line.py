"""The command line: every stage explains itself wherever it is asked, and takes what the rules give it."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from dry_runs import plan

from umui.cli import STAGES, parser

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
CHOSEN = {"{params.stage}": ("evaluate", "evaluate-scaled")}  # one rule calls either
FOUND = re.findall(r"-m umui\.cli ([a-z-]+|{params\.stage})((?:[^\n\"]|\\\n)*)", re.sub(r" \\\n\s+", " ", RULES))
LINES = [(stage, line) for called, line in FOUND for stage in CHOSEN.get(called, (called,))]
FOREIGN = {"pandas", "scipy", "sklearn", "matplotlib", "torch", "vllm", "transformers", "av", "ffmpeg", "yaml"}


def options(stage: str, required: bool = False) -> set[str]:
    found = parser(stage)._actions
    return {name for action in found for name in action.option_strings if action.required or not required}


@pytest.mark.parametrize("stage", STAGES)
def test_every_option_says_what_it_means(stage: str) -> None:
    made = parser(stage)
    assert made.description
    assert not [action.dest for action in made._actions if not action.help]


def test_help_imports_no_stage() -> None:
    """The environments of other stages lack its libraries."""
    code = (
        "import sys; from umui.cli import STAGES, FrontPage, parser\n"
        "FrontPage().format_help(); print(*sys.modules); print('--')\n"
        "[parser(stage).format_help() for stage in STAGES]; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, explained = (set(part.split()) for part in done.stdout.split("--"))
    stages = {f"umui.{target.partition(':')[0]}" for target in STAGES.values()}
    assert not explained & (stages | FOREIGN)
    assert not {name for name in listed if name.startswith(("pydantic", "pyarrow", "umui.config"))}


def test_the_list_of_stages_has_all_in_their_order() -> None:
    done = subprocess.run([sys.executable, "-m", "umui.cli", "--help"], capture_output=True, text=True, check=True)
    assert re.findall(r"^  ([a-z-]+) {2,}[A-Z].*", done.stdout.partition("Items, from")[2], flags=re.M) == list(STAGES)


def test_all_commands_of_the_rules_are_seen() -> None:
    assert len(FOUND) == RULES.count("-m umui.cli")


@pytest.mark.parametrize(("stage", "line"), LINES, ids=[stage for stage, _ in LINES])
def test_a_rule_gives_options_that_its_stage_has(stage: str, line: str) -> None:
    command = line.partition(" 2>")[0].partition(" > >")[0]
    given = re.findall(r" (--[a-z-]+)", command)
    assert set(given) <= options(stage)
    values = re.sub(r" --[a-z-]+ \S+", "", command)  # what is left may hold options too
    if "{params." not in values:
        assert options(stage, required=True) <= set(given)


def test_planned_commands_are_understood(clone: Path) -> None:
    planned = re.sub(r" \\\n\s+", " ", plan(clone, "--printshellcmds").stdout)
    commands = [shlex.split(command) for command in re.findall(r"-m umui\.cli (.*?)(?: 2>| > >)", planned)]
    for stage, *arguments in commands:
        parser(stage).parse_args(arguments)
    assert {"ask", "train-student", "predict", "compare", "coverage"} <= {stage for stage, *_ in commands}
