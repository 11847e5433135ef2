"""A clone in which dry runs are made."""

import shutil
from pathlib import Path

import pytest
from dry_runs import ROOT


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a clone would hold."""
    target = tmp_path_factory.mktemp("clone")
    for name in ("Snakefile", "config.yaml", "workflow", "envs", "configs", "profiles"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    (target / "data").mkdir()
    shutil.copy(ROOT / "data/paper_results.csv", target / "data")
    return target
