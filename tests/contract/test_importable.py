"""The workflow from elsewhere: in another directory, and as a module of another workflow (config/README.md)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ITEMS = "results/items/urn/items.parquet"
SMALL = {"datasets": {"urn": {"premises": {"train": 2, "validation": 1, "test": 1}, "frame_size_px": 16}}}
AS_MODULE = """
configfile: "{clone}/config.yaml"
configfile: "config.yaml"


rule own:
    input:
        "results/items/urn/items.parquet",
    output:
        "own.txt",
    shell:
        "wc -c < {{input}} > {{output}}"


module umui:
    snakefile:
        "{clone}/workflow/Snakefile"
    config:
        config


use rule * from umui as umui_*
"""


def run(directory: Path, *arguments: str) -> str:
    """Run Snakemake in a directory; return what it said."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that has an overlay and nothing of the repository."""
    directory = tmp_path_factory.mktemp("elsewhere") / "with a blank"
    directory.mkdir()
    (directory / "overlay.yaml").write_text(yaml.safe_dump(SMALL))
    return directory


@pytest.fixture(scope="module")
def host(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another workflow, with a configuration of its own, that imports this one."""
    directory = tmp_path_factory.mktemp("host")
    (directory / "Snakefile").write_text(AS_MODULE.format(clone=clone))
    (directory / "config.yaml").write_text(yaml.safe_dump(SMALL))
    return directory


def in_directory(clone: Path, elsewhere: Path, *arguments: str) -> str:
    return run(clone, "--directory", str(elsewhere), *arguments, "--configfile", str(elsewhere / "overlay.yaml"))


def test_all_is_planned_in_another_directory(clone: Path, elsewhere: Path) -> None:
    planned = in_directory(clone, elsewhere, "all", "--dry-run")
    assert planned.count(f"    output: {clone}/.envs/") == 2, "environments are the repository's own"
    assert f"    input: {clone}/data/paper_results.csv, " in planned


def test_all_is_planned_as_a_module(clone: Path, host: Path) -> None:
    planned = run(host, "umui_all", "--dry-run")
    assert planned.count(f"    output: {clone}/.envs/") == 2
    assert "rule umui_all:" in planned
    assert "localrules directive specifies rules" not in planned


def test_a_module_leaves_the_other_workflow_its_first_target(host: Path) -> None:
    planned = run(host, "--dry-run")
    assert "rule own:" in planned
    assert "rule umui_make_model:" not in planned


def test_without_a_target_the_repository_makes_all(clone: Path) -> None:
    assert "results/paper_comparison.csv" in run(clone, "--dry-run")
    assert "rule all:" in run(clone, "--dry-run", "--snakefile", "workflow/Snakefile")


def test_both_ways_make_the_same_items(clone: Path, elsewhere: Path, host: Path) -> None:
    in_directory(clone, elsewhere, ITEMS)
    run(host, "own")
    assert (elsewhere / ITEMS).read_bytes() == (host / ITEMS).read_bytes()
    assert int((host / "own.txt").read_text()) == (host / ITEMS).stat().st_size
    assert not (clone / "results").exists(), "a run's files are in its own directory"


def test_a_workflow_without_its_package_says_what_to_do(clone: Path, tmp_path: Path) -> None:
    shutil.copytree(clone / "workflow", tmp_path / "workflow", ignore=shutil.ignore_patterns("umui"))
    shutil.copy(clone / "config.yaml", tmp_path)
    command = [sys.executable, "-m", "snakemake", "--dry-run"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "name workflow/Snakefile of a clone" in result.stdout + result.stderr
