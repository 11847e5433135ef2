"""Dry runs of Snakemake, and what they say."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def plan(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Plan in a directory; `arguments` have the targets first."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run", *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def inputs_of(planned: str, output: str) -> list[str]:
    """Return the input files of the job whose first output is, or begins with, `output`."""
    found = re.search(rf"    input: (.*)\n    output: {re.escape(output)}", planned)
    assert found, f"{output} is not planned"
    return found[1].split(", ")


def arguments_of(planned: str, output: str, module: str = "umui.cli") -> list[str]:
    """Return what the shell command of this job hands to a module; redirections are left out."""
    job = planned.partition(f"    output: {output}")[2].partition("\nShell command:")[2].partition("\n[")[0]
    command = job.replace("\\\n", " ").partition(f"-m {module} ")[2]
    assert command, f"{output}: no command of {module}"
    return shlex.split(command.partition(" 2>")[0])
