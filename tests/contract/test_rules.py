"""The rules: what each must carry, and what a change reruns, seen in dry runs."""

import hashlib
import json
import re
from pathlib import Path

import pytest
import yaml
from dry_runs import plan

from umui.config.datasets import dataset_from_json
from umui.datasets.importing import files_of

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
BODIES = dict(re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)*)", RULES, flags=re.M))


@pytest.mark.parametrize("name", [name for name, body in BODIES.items() if "shell:" in body])
def test_a_rule_carries_its_log_environment_and_code(name: str) -> None:
    body = BODIES[name]
    assert re.search(r"^    log:", body, flags=re.M), f"{name}: no log"
    assert "conda:" in body, f"{name}: no environment"
    if "umui.cli" in body:
        assert re.search(r"code=(lambda wildcards: )?code\(", body), f"{name}: an edit of its code would not rerun it"
    assert "run:" not in body


def test_wildcards_reach_shell_lines_as_parameters() -> None:
    """Snakemake does not see a wildcard that stands in a shell line alone."""
    for name, body in BODIES.items():
        assert "{wildcards." not in body.partition("shell:")[2], f"{name}: pass wildcards as params"


WRAPPED = [name for name, body in BODIES.items() if "JOB[" in body]
EXPENSIVE = {"build_urn", "extract_evidence", "make_model", "ask", "train_student", "predict", "evaluate", "compare"}


def test_expensive_stages_run_in_the_wrapper() -> None:
    assert set(WRAPPED) >= EXPENSIVE


@pytest.mark.parametrize("name", WRAPPED)
def test_the_wrapper_is_told_all_that_a_result_depends_on(name: str) -> None:
    """Clones share results by it: what is missing here would be a stale hit elsewhere."""
    wrapper, _, command = BODIES[name].partition("shell:")[2].partition(" -- ")
    assert "{params.job} " in wrapper
    assert "--code {params.code}" in wrapper
    assert "--outputs {output}" in wrapper
    assert ("--inputs {input}" in wrapper) == ("    input:" in BODIES[name])
    family = re.search(r"job=JOB\[\"(\w+)\"\]", BODIES[name])
    assert family is not None
    assert f"envs/{family[1]}.yaml" in BODIES[name], "another environment's lock is in the key"
    assert ("{params.python}" in command) == (family[1] != "core")


def test_the_default_configuration_plans(clone: Path) -> None:
    result = plan(clone)
    assert result.returncode == 0, result.stdout + result.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", result.stdout, flags=re.M))
    assert jobs["ask"] == "3", "a teacher and two baselines"
    assert jobs["train_student"] == "7", "two, and five of table 4 and figure 5"


def test_no_wrapped_command_knows_where_the_clone_is(clone: Path) -> None:
    """Else no other clone would find its result."""
    planned = plan(clone, "--printshellcmds").stdout
    commands = re.findall(r"-m umui\.jobs .*? -- (.*?)(?:2>|\n\n)", planned.replace("\\\n", " "), flags=re.S)
    assert len(commands) >= len(EXPENSIVE)
    assert not [command for command in commands if str(clone) in command]


def test_a_student_carries_the_code_of_its_own_head(clone: Path) -> None:
    planned = plan(clone, "--printshellcmds").stdout
    found = re.findall(r"--code (\w+) [^\n]*--outputs results/(?:students|predictions/students)/([\w.-]+)", planned)
    codes = {student: {code for code, other in found if other == student} for _, student in found}
    assert len(codes["clue-d"] | codes["clue-t"]) == 4, "of training and of prediction, for each of two heads"
    assert (codes["ratio-1"], codes["ratio-1-t"]) == (codes["clue-d"], codes["clue-t"])


@pytest.mark.parametrize("overlay", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_overlays_plan(clone: Path, overlay: Path) -> None:
    for dataset in yaml.safe_load(overlay.read_text()).get("datasets", {}).values():
        for file in files_of(dataset_from_json(json.dumps(dataset))) if dataset and "kind" in dataset else []:
            (clone / file).parent.mkdir(parents=True, exist_ok=True)
            (clone / file).touch()
    result = plan(clone, "--configfile", str(overlay))
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_fault_of_the_configuration_stops_before_any_job(clone: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "wrong.yaml"
    overlay.write_text(yaml.safe_dump({"media": {"frame_rate": 2}, "shards": 0}))
    result = plan(clone, "--configfile", str(overlay))
    assert result.returncode != 0
    assert "media.frame_rate: unknown key; did you mean 'frame_rate_hz'?" in result.stdout + result.stderr
    assert "shards: 0" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_conda_users_get_the_locks() -> None:
    for family in ("core", "student", "teacher"):
        digest = hashlib.sha256((ROOT / f"envs/{family}.txt").read_bytes()).hexdigest()
        assert digest in (ROOT / f"envs/{family}.post-deploy.sh").read_text(), f"envs/{family}.post-deploy.sh is stale"
