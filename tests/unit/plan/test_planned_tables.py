"""Which models each table has, by configuration alone."""

from types import SimpleNamespace

import jinja2
import pytest
from planned_config import OTHER_TEACHER, ROOT, configured

from umui.plan.tables import TABLES, metrics_of, negative_ratios
from umui.reporting.tables import LAYOUTS


def test_every_table_is_planned_and_laid_out() -> None:
    assert TABLES.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_its_caption_in_the_report(table: str) -> None:
    caption = jinja2.Template((ROOT / "workflow/report/table.rst").read_text(), undefined=jinja2.StrictUndefined)
    caption.render(snakemake=SimpleNamespace(wildcards=SimpleNamespace(table=table)))


def test_ablations_are_in_table_4_alone() -> None:
    ablation = "results/metrics/students/ratio-1.parquet"
    assert [table for table in TABLES if ablation in metrics_of(configured(), table)] == ["table4"]


def test_each_table_has_all_controls_and_temperatures_need_held_out_predictions() -> None:
    for table in TABLES:
        for control in ("constant", "majority", "hypothesis-only"):
            assert f"results/metrics/controls/{control}.parquet" in metrics_of(configured(), table), (table, control)
    scaled = {file for file in metrics_of(configured(), "table7") if file.startswith("results/scaled_metrics/")}
    assert {
        "results/scaled_metrics/students/clue-d.parquet",
        "results/scaled_metrics/labels/tiny-base/1-vote.parquet",
    } < scaled
    assert not any("teacher" in file or "oracle" in file for file in scaled)


def test_a_yes_or_no_is_judged_as_one_and_not_as_a_probability() -> None:
    said = "results/metrics/labels/tiny-base-binary/1-vote.parquet"
    without = {table for table in TABLES if said not in metrics_of(configured(), table)}
    assert {"table3", "table3-graded", "table8"} <= without
    assert not without & {"table2", "table7"}


def test_only_taught_teachers_are_in_table_1() -> None:
    idle = "results/metrics/labels/other/5-mean.parquet"
    config = configured({"teachers": OTHER_TEACHER})
    assert idle not in metrics_of(config, "table1")
    assert idle in metrics_of(config, "table5")
    own = {"sources": {"urn": {"teacher": None, "label": None}}}
    untaught = configured({"teachers": OTHER_TEACHER, "students": {"clue-d": own, "clue-t": own}})
    assert idle in metrics_of(untaught, "table1"), "no student learns from any"


def test_the_papers_run_has_all_that_it_compares() -> None:
    graded, binary = (metrics_of(configured(overlay="paper.yaml"), table) for table in ("table3", "table2"))
    for model in ("audio-flamingo", "qwen2-audio", "qwen2.5-vl", "qwen3-vl", "qwen2.5-omni"):
        assert f"results/metrics/labels/{model}/1-vote.parquet" in graded
        assert f"results/metrics/labels/{model}-binary/1-vote.parquet" in binary
    for model in ("qwen3", "tmto", "tmto-unscaled"):
        assert f"results/metrics/labels/{model}/1-vote.parquet" in graded
    assert not [file for file in graded if "-binary/" in file]


def test_a_students_negatives_are_a_number_or_all() -> None:
    ratios = dict(negative_ratios(configured()))
    assert (ratios["CLUE-D"], ratios["CLUE-D, 1:1"], ratios["CLUE-D, 1:0.5"]) == ("all", "1", "0.5")
