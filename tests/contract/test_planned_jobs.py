"""What Snakemake's API says of a small workflow after a run of it: each cause to rerun reaches the user in words.

Another version of Snakemake may keep its graph elsewhere or record something else: then these tests fail.
"""

import os
import re
import shutil
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
import yaml
from dry_runs import ROOT

from umui.plan.dry_run import Job, dry_run
from umui.plan.reasons import files_concerned, followed, reasons

CONFIG = {
    "judges": {"a": {"title": "A", "sampling": {"votes": 5}}, "b": {"title": "B", "sampling": {"votes": 1}}},
    "students": ["clue-d"], "timeout_s": 60, "environment": "0" * 12, "code": "0123456789abcdef",
}  # fmt: skip
SNAKEFILE = """
import json
configfile: "config.yaml"

rule all:
    input: expand("students/{student}/weights", student=config["students"])

rule ask:
    input: item_tables="items.txt", more=["more/0.txt", "more/1.txt"]
    output: votes="votes/{judge}.txt", usage="votes/{judge}.json"
    benchmark: "benchmarks/{judge}.tsv"
    params:
        python=f".envs/teacher-{config['environment']}/bin/python",
        settings=lambda wildcards: json.dumps(config["judges"][wildcards.judge]),
        client=lambda wildcards, threads: json.dumps({"timeout_s": config["timeout_s"]}),
        judge="{judge}",
        chosen=[0, 1],
        code=config["code"],
    shell: "echo {params.python} {params.settings:q} {params.client:q} {params.chosen} {input} "
           "| tee {output.votes} > {output.usage}"

rule train:
    input: expand("votes/{judge}.txt", judge=config["judges"])
    output: "students/{student}/weights"
    params: code=config["code"]
    shell: "cat {input} > {output}"
"""


def snakemake(directory: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "snakemake", "--quiet", "all", "--cores", "1", *arguments]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the small workflow has run."""
    directory = tmp_path_factory.mktemp("finished")
    (directory / "Snakefile").write_text(SNAKEFILE)
    (directory / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    (directory / "more").mkdir()
    for file in ("items.txt", "more/0.txt", "more/1.txt"):
        (directory / file).write_text(f"{file}\n")
    shutil.copytree(ROOT / "profiles/default", directory / "profiles/default")
    snakemake(directory)
    return directory


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the directory, which is the working one."""
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    monkeypatch.chdir(copy)
    return copy


def planned(**changes: object) -> dict[str, Job]:
    """The jobs that a run with these changes of the configuration would have, by rule and wildcard."""
    Path("change.yaml").write_text(yaml.safe_dump(changes))
    jobs = dry_run(["all"], [Path("change.yaml")] if changes else []).jobs
    return {" ".join([job.rule, *job.wildcards.values()]): job for job in jobs}


@pytest.mark.usefixtures("run")
def test_nothing_to_do() -> None:
    assert planned(timeout_s=5) == {}, "a parameter that Snakemake does not record is no reason"


@pytest.mark.usefixtures("run")
def test_changed_settings_are_named_and_followed() -> None:
    ask, train = planned(judges={"a": {"sampling": {"votes": 7}}}).values()
    assert (reasons(ask), reasons(train)) == (["sampling.votes: 5 → 7"], [])
    assert followed(train, {"votes/a.txt": "ask"}) == {"ask"}


@pytest.mark.usefixtures("run")
def test_all_that_changed_at_once_is_told_apart() -> None:
    jobs = planned(judges={"a": {"sampling": {"votes": 7}, "title": "it's {new}"}}, environment="1" * 12, timeout_s=5)
    environment = "its environment is another: teacher-000000000000 → teacher-111111111111"
    assert reasons(jobs["ask b"]) == [environment]
    assert reasons(jobs["ask a"]) == [environment, "sampling.votes: 5 → 7", "title: A → it's {new}"]


@pytest.mark.usefixtures("run")
def test_changed_code_is_told_of_each_job_and_jobs_come_after_those_that_they_follow() -> None:
    jobs = planned(code="fedcba9876543210", timeout_s=5, students=["clue-t", "clue-d"])
    code = ["the stage's code, or what it imports, is another"]
    expected = {"ask a": code, "ask b": code, "train clue-d": code, "train clue-t": []}
    assert [(name, reasons(job)) for name, job in jobs.items()] == list(expected.items())
    job = jobs["ask b"]
    assert job.input == {"item_tables": ("items.txt",), "more": ("more/0.txt", "more/1.txt")}
    assert job.inputs == ["items.txt", "more/0.txt", "more/1.txt"]
    assert job.output == {"votes": ("votes/b.txt",), "usage": ("votes/b.json",)}
    assert (job.benchmark, job.wildcards, job.unrecorded) == ("benchmarks/b.tsv", {"judge": "b"}, {"client"})
    assert (job.value("client"), job.value("chosen"), job.value("judge")) == ('{"timeout_s": 5}', [0, 1], "b")


@pytest.mark.usefixtures("run")
def test_what_is_new_is_not_there() -> None:
    jobs = planned(students=["clue-d", "clue-t"])
    assert {name: (reasons(job), files_concerned(job)) for name, job in jobs.items()} == {
        "train clue-t": ([], {"missing": ("students/clue-t/weights",)})
    }


def test_files_that_are_missing_changed_or_half_written(run: Path) -> None:
    (run / "students/clue-d/weights").unlink()
    incomplete = run / ".snakemake/incomplete" / urlsafe_b64encode(b"votes/a.txt").decode()
    incomplete.write_text("{}")
    jobs = planned()
    assert {name: files_concerned(job) for name, job in jobs.items()} == {
        "ask a": {"half_written": ("votes/a.txt",)},
        "train clue-d": {"missing": ("students/clue-d/weights",)},
    }
    assert not reasons(jobs["ask a"])
    incomplete.unlink()
    (run / "items.txt").write_text("others\n")
    jobs = planned()
    assert files_concerned(jobs["ask a"]) == files_concerned(jobs["ask b"]) == {"changed": ("items.txt",)}


def test_another_rule_and_other_inputs(run: Path) -> None:
    text = SNAKEFILE.replace("cat {input}", "sort {input}").replace(', "more/1.txt"]', "]")
    (run / "Snakefile").write_text(text)
    jobs = planned()
    assert reasons(jobs["train clue-d"]) == ["the rule's shell command is another"]
    assert reasons(jobs["ask a"]) == ["other input files than before: without more/1.txt"]


def test_a_profile_of_the_environment_counts_as_for_a_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run / "mine").mkdir()
    (run / "mine/profile.yaml").write_text("rerun-triggers: mtime\nforcerun: train\n")
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "mine")
    jobs = planned(code="fedcba9876543210")
    assert {name: reasons(job) for name, job in jobs.items()} == {"train clue-d": ["forced by a profile"]}


def fault() -> str:
    with pytest.raises(ValueError, match="this run cannot be planned: ") as raised:
        planned()
    return str(raised.value)


def test_a_missing_input_is_a_fault(run: Path) -> None:
    for file in ("items.txt", "votes/a.txt", "students/clue-d/weights"):
        (run / file).unlink()
    assert re.search(r"Missing input files for rule ask:\n.*items.txt\nput these files there", fault(), flags=re.S)


def test_an_ambiguous_rule_is_a_fault(run: Path) -> None:
    (run / "Snakefile").write_text(
        SNAKEFILE + 'rule other:\n    output: "votes/{x}.txt"\n    shell: "touch {output}"\n'
    )
    assert re.search(r"Rules (ask and other|other and ask) are ambiguous for the file votes/[ab]\.txt", fault())


def test_a_locked_directory_is_a_fault(run: Path) -> None:
    (run / "students/clue-d/weights").unlink()
    (run / ".snakemake/locks").mkdir(exist_ok=True)
    (run / ".snakemake/locks/0.output.lock").write_text("students/clue-d/weights\n")
    assert "another Snakemake works in this directory" in fault()


def test_other_faults_are_told_as_they_are(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"No rule to produce nothing\.csv"):
        dry_run(["nothing.csv"], [])
    (run / "change.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"change\.yaml is not valid YAML"):
        dry_run(["all"], [Path("change.yaml")])
    monkeypatch.setenv("SNAKEMAKE_PROFILE", "none-such")
    assert "none-such" in fault()


def test_the_command_says_what_is_wrong_with_the_configuration(clone: Path) -> None:
    (clone / "typo.yaml").write_text("teachers: {tiny-teacher: {samplin: {votes: 7}}}\n")
    command = [sys.executable, "-m", "umui.cli", "explain", "--configfiles", "typo.yaml"]
    environment = os.environ | {"PYTHONPATH": str(clone / "workflow")}
    said = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert "teachers.tiny-teacher.samplin: unknown key; did you mean 'sampling'?" in said.stderr
    assert "Traceback" not in said.stderr
