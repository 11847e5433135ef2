"""What a benchmark's command takes: its time, and the most memory that one of its processes holds."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Spent:
    """Wall time, the processor's time, and the largest resident set of the command or of one of its children."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    output: str


def run(arguments: list[str], directory: Path = ROOT) -> Spent:
    """Run a command in the workflow's environment.

    Raises RuntimeError with the end of its output when it fails.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    with TemporaryFile() as file:
        process = subprocess.Popen(arguments, cwd=directory, env=environment, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        file.seek(0)
        output = file.read().decode(errors="replace")
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(arguments)[:200]} failed:\n{output[-2000:]}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def stage(*arguments: str, directory: Path = ROOT) -> Spent:
    """Run one stage of the command line."""
    return run([sys.executable, "-m", "umui.cli", *arguments], directory)


def snakemake(*arguments: str, directory: Path = ROOT) -> Spent:
    """Run Snakemake on the workflow in a directory."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--nolock", "--cores", "2"]
    return run([*command, *arguments], directory)
