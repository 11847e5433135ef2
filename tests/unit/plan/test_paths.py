"""Where files are, and how names and files stand in rules."""

import re
import shlex
from pathlib import Path

import pytest
from planned_config import PUBLISHED, ROOT, configured

from umui.plan import models, paths
from umui.plan.controls import controls
from umui.plan.environments import environment_names
from umui.plan.options import any_of, named_files, repeated
from umui.plan.sections import section_of


def test_a_judges_jobs_share_the_shards() -> None:
    config = configured({"shards": 5, "teachers": {"tiny-teacher": {"jobs": 2}}})
    assert [paths.shards_of_job(config, "tiny-teacher", piece) for piece in (0, 1)] == [[0, 2, 4], [1, 3]]
    assert paths.evidence_of_job(config, "tiny-teacher", 1) == [f"results/evidence/{shard}.parquet" for shard in (1, 3)]
    assert paths.votes_of(config, "tiny-teacher") == [f"results/votes/tiny-teacher/{piece}.parquet" for piece in (0, 1)]
    assert paths.usage(config)["tiny-teacher"] == [f"results/timings/tiny-teacher/{piece}.json" for piece in (0, 1)]
    assert len(paths.journals_of_job(config, "tiny-teacher", 0)) == 3


def test_an_imported_teacher_has_one_file_of_votes_and_no_server() -> None:
    config = configured({"imported_teachers": {"published": PUBLISHED}})
    assert paths.all_votes(config)["published"] == ["results/votes/published/0.parquet"]
    assert "published" not in paths.usage(config)
    assert paths.left_out_votes(config) == {"published": ["results/left_out/published.csv"]}


def test_what_an_import_leaves_out_is_counted_and_a_world_leaves_out_nothing() -> None:
    config = configured({"datasets": {"mine": {"kind": "manifest", "file": "my pairs.csv"}}})
    assert paths.left_out(config) == {"mine": ["results/items/mine/left_out.parquet"]}
    assert [paths.source_files(config, name) for name in ("urn", "mine")] == [[], ["my pairs.csv"]]
    assert paths.files_of(paths.left_out(config)) == ["results/items/mine/left_out.parquet"]


def test_a_model_is_where_it_is_made_or_given(tmp_path: Path) -> None:
    given = {"family": "qwen2_5_omni", "path": str(tmp_path)}
    on_hub = {"family": "qwen2_5_omni", "path": "org/name", "revision": "0" * 40}
    config = configured({"models": {"given": given, "on-hub": on_hub}})
    names = ("tiny-base", "given", "on-hub")
    assert [models.made_directory(config, name) for name in names] == ["results/models/tiny-base", None, None]
    assert [models.given_directory(config, name) for name in names] == [None, str(tmp_path), None]
    assert models.place(config, "tiny-base") == ["results/models/tiny-base"]
    assert models.place(config, "on-hub") == ["org/name", "--revision", "0" * 40]


def test_a_tiny_model_is_taught_with_the_prompt_of_what_it_becomes() -> None:
    assert models.prompt_of(configured(), "tiny-teacher") == "scalar-v1"
    judges = {"baselines": {"tiny-base": None, "tiny-base-binary": None}}
    assert models.prompt_of(configured(judges), "tiny-base") == "claim-v1", "a student's"


def test_the_oracle_reads_the_world_alone_and_needs_no_labels() -> None:
    found = controls(configured({"datasets": {"mine": {"kind": "manifest", "file": "pairs.csv"}}}))
    assert found["oracle"].items == ["results/items/urn/items.parquet"]
    assert (found["oracle"].labels, found["oracle"].splits) == ([], ["test"])
    assert found["constant"].labels == ["results/labels/tiny-teacher/5-mean.parquet"]
    assert found["constant"].splits == ["test", "validation"]


@pytest.mark.parametrize("title", ["CLUE-D, 1:1", "it's", 'a "b" $(c) `d`', "; e", ""])
def test_no_title_breaks_out_of_a_shell_line(title: str) -> None:
    assert shlex.split(named_files("--votes", {title: ["a b.parquet", "c"]})) == ["--votes", title, "a b.parquet", "c"]
    assert shlex.split(repeated("--pair", [(title, "x"), ("y", title)])) == ["--pair", title, "x", "--pair", "y", title]


def test_a_wildcard_takes_its_names_and_no_others() -> None:
    constraint = any_of(["qwen2.5", "a/b"])
    assert re.fullmatch(constraint, "qwen2.5")
    assert not re.fullmatch(constraint, "qwen2x5")
    assert any_of([]) == "none"


def test_a_section_is_found_by_its_path_and_wildcards() -> None:
    config = configured({"students": {"clue-2.5": {"like": "clue-d", "title": "with a dot"}}})
    assert section_of(config, "students.{student}", {"student": "clue-2.5"}) == config.students["clue-2.5"]
    assert section_of(config, "models.{model}.tiny", {"model": "tiny-base"}) == config.models["tiny-base"].tiny
    assert section_of(config, "judges.{judge}", {"judge": "tiny-base"}) == config.baselines["tiny-base"]
    assert section_of(config, "", {}) is config


def test_an_environment_is_named_by_its_lock() -> None:
    names = environment_names(configured(), ROOT / "envs")
    assert all(re.fullmatch(rf"{family}-[0-9a-f]{{12}}", name) for family, name in names.items())
    assert environment_names(configured({"environments": {"student": "student-gpu"}}), ROOT / "envs")[
        "student"
    ].startswith("student-gpu-")
    with pytest.raises(ValueError, match=r"environments.teacher: there is no lock file .*/mine\.txt"):
        environment_names(configured({"environments": {"teacher": "mine"}}), ROOT / "envs")
