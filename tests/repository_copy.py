"""A copy of what a fresh clone of the repository holds, in which tests run Snakemake as a user would."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_repository(path: Path) -> None:
    """Copy the repository as it stands to `path`, new files too, and lend it the environments."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, path / name)
    (ROOT / ".envs").mkdir(exist_ok=True)
    (path / ".envs").symlink_to((ROOT / ".envs").resolve())
