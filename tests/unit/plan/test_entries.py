"""The models that tables compare, by configuration alone."""

import pytest
from planned_config import PUBLISHED, configured

from umui.plan.entries import entries, models, predictions
from umui.plan.labels import all_labels, learned_labels, training_labels


def test_the_default_world_compares_students_judges_controls_and_the_truth() -> None:
    found = {entry.path: (entry.role, entry.title) for entry in models(configured())}
    assert found == {
        "students/clue-d": ("student", "CLUE-D"),
        "students/clue-t": ("student", "CLUE-T"),
        "labels/tiny-teacher/1-vote": ("teacher", "tiny teacher, 1-vote"),
        "labels/tiny-teacher/5-max": ("teacher", "tiny teacher, 5-max"),
        "labels/tiny-teacher/5-mean": ("teacher", "tiny teacher, 5-mean"),
        "labels/tiny-base/1-vote": ("baseline", "tiny base, zero-shot"),
        "labels/tiny-base-binary/1-vote": ("baseline", "tiny base, yes or no, zero-shot"),
        "controls/constant": ("control", "constant"),
        "controls/majority": ("control", "majority"),
        "controls/hypothesis-only": ("control", "hypothesis-only"),
        "controls/oracle": ("oracle", "oracle"),
    }


def test_ablations_are_entries_but_no_models() -> None:
    config = configured()
    left_out = {entry.name for entry in entries(config)} - {entry.name for entry in models(config)}
    assert left_out == set(config.ablations)


@pytest.mark.parametrize("overlay", [None, "ablations.yaml", "ci.yaml", "clotho_text.yaml", "paper.yaml"])
def test_titles_and_paths_are_distinct(overlay: str | None) -> None:
    found = entries(configured(overlay=overlay))
    assert len({entry.title for entry in found}) == len({entry.path for entry in found}) == len(found)


def test_without_an_urn_world_there_is_no_oracle() -> None:
    assert "oracle" not in {entry.role for entry in entries(configured(overlay="paper.yaml"))}


def test_a_students_predictions_are_one_file_a_shard_and_views_stand_beside_them() -> None:
    found = predictions(configured({"shards": 2}))
    where = "results/predictions/students/clue-d"
    assert found["CLUE-D"] == [f"{where}/full/0.parquet", f"{where}/full/1.parquet"]
    assert found["CLUE-D, frames only"] == [f"{where}/frames/0.parquet", f"{where}/frames/1.parquet"]
    assert "CLUE-D, 1:1" not in found


def test_a_model_that_is_given_has_no_size_and_one_that_is_made_has() -> None:
    config = configured({"models": {"tiny-base": {"tiny": None, "path": "org/name"}}})
    sizes = {entry.path: entry.size for entry in entries(config)}
    assert sizes["labels/tiny-base/1-vote"] is None
    assert sizes["labels/tiny-teacher/5-mean"] == "results/models/tiny-teacher"
    assert sizes["students/clue-d"] == "results/students/clue-d"


def test_a_judge_has_the_labels_that_it_has_votes_enough_for() -> None:
    found = all_labels(configured({"imported_teachers": {"published": PUBLISHED}}))
    assert [name for name in found if name.startswith("published")] == ["published, 1-vote"]
    assert len([name for name in found if name.startswith("tiny-teacher, ")]) == 3


def test_a_student_of_the_data_sets_own_probabilities_waits_for_no_labels() -> None:
    own = {"sources": {"urn": {"teacher": None, "label": None}}}
    config = configured({"students": {"clue-d": own}})
    assert training_labels(config, "clue-d") == {}
    assert training_labels(config, "clue-t") == {"urn": ["results/labels/tiny-teacher/5-mean.parquet"]}
    assert learned_labels(config) == ["results/labels/tiny-teacher/5-mean.parquet"]
