"""What a run would do: its jobs, why each would run, and its configuration, as Snakemake knows them.

Snakemake answers from a process of its own (umui.plan.dag): a workflow changes the environment, the search path and the
logging of the process that reads it.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

PACKAGE = Path(__file__).parents[2]
Files = Mapping[str, tuple[str, ...]]
"""Input or output files by the names that the rule gives them; those without one are under ""."""


@dataclass(frozen=True)
class Why:
    """Why Snakemake would run a job; parameters are as in ``Job.parameters``, those that are before or now alone.

    `remade`: the input files that other jobs of the run make anew.
    """

    missing: tuple[str, ...] = ()
    half_written: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    remade: tuple[str, ...] = ()
    parameters_before: frozenset[str] = frozenset()
    parameters_now: frozenset[str] = frozenset()
    other_inputs: bool = False
    other_command: bool = False
    other_environment: bool = False
    forced: bool = False


@dataclass(frozen=True)
class Record:
    """What Snakemake wrote down when a job last ran.

    `template` is the rule's shell command with its fields; `command` is the same as it ran.  Parameters are Python
    literals without their names.
    """

    template: str
    command: str
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """A job that would run.

    `parameters` are by name, as Python literals; `unrecorded` are the names of those that Snakemake does not record.
    """

    rule: str
    wildcards: Mapping[str, str]
    input: Files
    output: Files
    benchmark: str | None
    parameters: Mapping[str, str]
    unrecorded: frozenset[str]
    why: Why
    record: Record | None

    @property
    def inputs(self) -> list[str]:
        """All input files."""
        return list(chain.from_iterable(self.input.values()))

    @property
    def outputs(self) -> list[str]:
        """All output files."""
        return list(chain.from_iterable(self.output.values()))

    def value(self, name: str) -> Any:
        """Return a parameter's value."""
        return value_of(self.parameters[name])


@dataclass(frozen=True)
class DryRun:
    """A planned run; `config` is the merged configuration.  `fault` says why there is no plan."""

    jobs: tuple[Job, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None


ANSWER = TypeAdapter(DryRun)


def value_of(literal: str) -> Any:
    """Read a parameter as it is recorded; what is no literal (a range, say) stays as it is written."""
    try:
        return ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        return literal


def dry_run(targets: Sequence[str], configfiles: Sequence[Path]) -> DryRun:
    """Plan a run of `targets` in the working directory with these overlays, as the command line would run it.

    Jobs come in an order in which they could run; target rules, which make nothing, are left out.
    Raises ValueError with the fault and its remedy when the run cannot be planned.
    """
    _check(configfiles)
    overlays = ["--configfile", *map(str, configfiles)] if configfiles else []
    command = [sys.executable, "-m", "umui.plan.dag", *overlays, "--", *targets]
    path = os.pathsep.join(filter(None, [str(PACKAGE), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"this run cannot be planned; Snakemake ended with\n{done.stderr.strip()}")
    answer = ANSWER.validate_json(done.stdout)
    if answer.fault is not None:
        raise ValueError(f"this run cannot be planned: {answer.fault}")
    return answer


def _check(configfiles: Sequence[Path]) -> None:
    """Raise ValueError that names the file which is no YAML: Snakemake would not say which."""
    for file in configfiles:
        try:
            yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"{file} is not valid YAML: {error}") from None
