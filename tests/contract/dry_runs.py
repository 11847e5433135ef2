"""Dry runs of Snakemake, and what they say."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def plan(clone: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Plan everything."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run", "all", *arguments]
    return subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False)


def inputs_of(planned: str, output: str) -> list[str]:
    found = re.search(rf"    input: (.*)\n    output: {re.escape(output)}", planned)
    assert found, f"{output} is not planned"
    return found[1].split(", ")
