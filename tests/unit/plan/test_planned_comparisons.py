"""Who is compared with whom, by configuration alone."""

import pytest
from planned_config import OTHER_TEACHER, PUBLISHED, configured

from umui.plan.comparisons import competitors, first_student, pairs
from umui.plan.impact import impact_files, impact_titles, labels_of_both

OF_OTHER = {"like": "clue-d", "title": "CLUE-D, other", "sources": {"urn": {"teacher": "other"}}}


def test_students_are_compared_with_controls_views_of_their_own_and_teachers() -> None:
    of_students = [(title, "tiny teacher, 5-mean") for title in ("CLUE-D", "CLUE-T")]
    assert pairs(configured()) == [
        ("CLUE-D", "hypothesis-only"), ("CLUE-D", "constant"), ("CLUE-T", "hypothesis-only"), ("CLUE-T", "constant"),
        ("CLUE-D", "CLUE-T"),
        ("CLUE-D", "CLUE-D, frames only"), ("CLUE-D", "CLUE-D, sound only"),
        ("CLUE-T", "CLUE-T, frames only"), ("CLUE-T", "CLUE-T, sound only"),
        ("tiny teacher, 5-max", "tiny teacher, 1-vote"), ("tiny teacher, 5-mean", "tiny teacher, 1-vote"),
        *of_students,
    ]  # fmt: skip


def test_the_first_student_is_tested_against_all_but_the_truth_and_ablations() -> None:
    config = configured()
    assert first_student(config) == "CLUE-D"
    assert "oracle" not in competitors(config)
    assert {"constant", "CLUE-T", "tiny base, zero-shot"} < set(competitors(config))
    assert "CLUE-D, 1:1" not in competitors(config)


def test_without_students_nothing_is_compared_but_teachers() -> None:
    config = configured(overlay="clotho_text.yaml")
    assert (first_student(config), pairs(config)) == ("none", [])


def test_a_new_teachers_impact_is_on_labels_and_the_student_that_differs_in_it_alone() -> None:
    config = configured({
        "teachers": OTHER_TEACHER,
        "students": {"of-other": OF_OTHER, "smaller": {**OF_OTHER, "title": "CLUE-D, smaller", "bins": 20}},
    })  # fmt: skip
    assert impact_titles(config, "tiny-teacher", "other") == [
        ("other teacher, 1-vote", "tiny teacher, 1-vote"), ("other teacher, 5-max", "tiny teacher, 5-max"),
        ("other teacher, 5-mean", "tiny teacher, 5-mean"), ("CLUE-D, other", "CLUE-D"),
    ]  # fmt: skip
    old, new = labels_of_both(config, "tiny-teacher", "other")
    assert old["5-mean"] == ["results/labels/tiny-teacher/5-mean.parquet"]
    assert new["5-mean"] == ["results/labels/other/5-mean.parquet"]
    assert impact_files(config, "tiny-teacher", "other")["CLUE-D, other"] == [
        "results/predictions/students/of-other/full/0.parquet"
    ]


def test_teachers_without_a_label_in_common_cannot_be_compared() -> None:
    config = configured({
        "imported_teachers": {"published": PUBLISHED},
        "labels": {"1-vote": None},
    })  # fmt: skip
    with pytest.raises(ValueError, match=r"results/impact/published-tiny-teacher: no entry of `labels`"):
        impact_titles(config, "published", "tiny-teacher")
