"""Whose numbers each figure shows, by configuration alone."""

from planned_config import OTHER_TEACHER, configured

from umui.plan.figures import distributions, figures, losses, raters, reliability, students_by_batching, training_logs


def test_ablations_are_in_figures_5_and_6_alone() -> None:
    config = configured()
    assert {"CLUE-D", "CLUE-T"} < set(raters(config))
    assert not [title for title in [*raters(config), *reliability(config)] if title.startswith(("CLUE-D,", "CLUE-T,"))]
    negatives = ["CLUE-D", "CLUE-T", "CLUE-D, 1:1", "CLUE-D, 1:0.5", "CLUE-T, 1:1", "CLUE-T, 1:0.5"]
    assert list(distributions(config)["figure6"]) == negatives
    assert list(students_by_batching(config)) == ["clue-d", "mixed"]


def test_figure_3_has_each_teachers_last_aggregation_and_two_of_the_controls() -> None:
    found = raters(configured({"teachers": OTHER_TEACHER}))
    expected = ["tiny teacher, 5-mean", "other teacher, 5-mean", "CLUE-D", "CLUE-T", "hypothesis-only", "oracle"]
    assert list(found) == expected
    assert found["oracle"] == ["results/predictions/controls/oracle.parquet"]


def test_figure_4_and_the_diagrams_have_every_aggregation() -> None:
    config = configured()
    teachers = ["tiny teacher, 1-vote", "tiny teacher, 5-max", "tiny teacher, 5-mean"]
    assert list(distributions(config)["figure4"]) == teachers
    assert list(reliability(config)) == ["CLUE-D", "CLUE-T", *teachers]


def test_batchings_are_drawn_of_students_that_differ_in_nothing_else() -> None:
    fewer = {"like": "clue-d", "title": "CLUE-D, 1:2", "training": {"negative_ratio": 2}}
    config = configured({"students": {"fewer": fewer}})
    logs = training_logs(students_by_batching(config))
    assert logs["CLUE-D, mixed batches"] == ["results/students/mixed/training_log.parquet"]
    assert list(logs) == ["CLUE-D", "CLUE-D, mixed batches"]
    assert students_by_batching(configured(overlay="ci.yaml")) == {}


def test_there_are_the_figures_that_a_run_has_students_for() -> None:
    of_students = {"figure6", "reliability", "training"}
    assert {"figure3", "figure4", "figure5", *of_students} <= {*figures(configured())}
    assert {*figures(configured())} - {*figures(configured(overlay="ci.yaml"))} == {"figure5"}
    assert {*figures(configured(overlay="ci.yaml"))} - {*figures(configured(overlay="clotho_text.yaml"))} == of_students


def test_a_loss_is_named_with_its_unit() -> None:
    named = dict(losses(configured(overlay="ablations.yaml")))
    assert named["CLUE-D"] == "KL divergence (nats)"
    assert named["CLUE-T"] == "cross-entropy (nats a token)"
    assert named["CLUE-D, squared error"] == "squared error of mean"
