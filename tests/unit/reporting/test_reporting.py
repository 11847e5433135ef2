"""Tables and figures say what the tables behind them say, and nothing is left out without a word."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluation_settings import SETTINGS
from rows import (
    item,
    label,
    line_of,
    metric,
    prediction,
    vote,
    write_items,
    write_labels,
    write_predictions,
    write_votes,
)

from umui.evaluation.metrics.lists import all_metrics
from umui.files.parquet import read_rows, write_table
from umui.reporting.coverage import coverage
from umui.reporting.figures.curves import (
    batching_curves,
    draw_curves,
    draw_reliability,
    reliability_figure,
    summarise_log,
    training_curves,
)
from umui.reporting.impact import _largest
from umui.reporting.tables import LAYOUTS, in_short, table
from umui.reporting.usage import usage_page
from umui.tables import EVIDENCE, LEFT_OUT, MEDIA, METRICS, TRAINING_LOG
from umui.use.trace import lines_of

COMPUTED = [*(metric.name for metric in all_metrics(10, 1e-10)), "temperature"]


def laid_out(tmp_path: Path, *rows: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    write_table(tmp_path / "metrics.parquet", METRICS, rows)
    for name in ("table3", "table3-graded"):
        table(name, SETTINGS, [tmp_path / "metrics.parquet"], [], tmp_path / f"{name}.csv", tmp_path / f"{name}.md")
    page = (tmp_path / "table3.md").read_text()
    return pd.read_csv(tmp_path / "table3.csv"), pd.read_csv(tmp_path / "table3-graded.csv"), page


def test_table3_has_exactly_its_columns_and_its_order(tmp_path: Path) -> None:
    models = [
        metric("CLUE-D", "student", 1 / 3, parameters=3_100_000_000, modality="audiovisual"),
        metric("CLUE-D", "student", 2.0, parameters=3_100_000_000),
        metric("oracle", "oracle", 0.0), metric("constant", "control", 9.0), metric("big", "teacher", 0.1),
        metric("small", "baseline", 20.0), metric("CLUE-D", "student", 5.0, metric="mse_x100_graded"),
        metric("CLUE-D", "student", 0.1, metric="ece"),
    ]  # fmt: skip
    every, graded, _ = laid_out(tmp_path, *models)
    header = "model,role,parameters,dataset,modality,metric,value,ci_low,ci_high,n_items,n_clusters\n"
    assert (tmp_path / "table3.csv").read_text().startswith(header)
    assert (tmp_path / "table3-graded.csv").read_text().startswith(header)
    assert every["model"].tolist() == ["small", "big", "constant", "oracle", "CLUE-D", "CLUE-D"]
    assert every["modality"].tolist()[-2:] == ["text", "audiovisual"]
    assert every["value"].tolist()[-1] == 1 / 3, "full precision"
    assert "3100000000," in (tmp_path / "table3.csv").read_text(), "a count is a whole number"
    assert graded[["metric", "value"]].to_numpy().tolist() == [["mse_x100_graded", 5.0]]


def test_the_best_of_a_column_is_bold_teachers_and_oracles_aside(tmp_path: Path) -> None:
    rows = [
        metric("oracle", "oracle", 0.0), metric("big", "teacher", 0.1),
        metric("constant", "control", 9.0), metric("CLUE-D", "student", 5.678),
    ]  # fmt: skip
    _, _, page = laid_out(tmp_path, *rows)
    assert line_of(page, "CLUE-D")[3] == "**5.68 [5.18, 6.68]**"
    assert line_of(page, "constant")[3] == "9.00 [8.50, 10.00]"
    assert line_of(page, "big")[3] == "0.10 [-0.40, 1.10]"
    assert line_of(page, "*items (events)*")[3] == "*480 (20)*"


def test_what_has_no_value_is_a_dash_with_its_reason(tmp_path: Path) -> None:
    rows = [
        metric("CLUE-D", "student", 5.0, n_items=470, n_missing=10),
        metric("CLUE-D", "student", 4.0, modality="video"),
        metric("deaf", "baseline", 7.0, modality="video"),
        metric("mute", "baseline", None),
        metric("single", "baseline", 3.0, ci_low=None, ci_high=None, n_clusters=1,
               interval_method="none: fewer than two events"),
        metric("unknown", "baseline", None, n_missing=0),
    ]  # fmt: skip
    every, _, page = laid_out(tmp_path, *rows)
    assert line_of(page, "deaf")[3:] == ["–", "7.00 [6.50, 8.00]"]
    assert line_of(page, "mute")[3] == "–"
    assert line_of(page, "single")[3] == "**3.00**"
    assert "- CLUE-D: urn text lacks 10 of 480 items." in page
    assert "- mute: urn text lacks 480 of 480 items." in page
    assert "- single: urn text has no interval (fewer than two events)." in page
    assert "- unknown: urn text has no value, since no item's true probability is known." in page
    assert every[every["model"] == "mute"]["value"].isna().all()


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_table_has_its_metrics_its_roles_and_a_page(tmp_path: Path, name: str) -> None:
    values = {role: 0.1 * n for n, role in enumerate(("student", "teacher", "control", "oracle", "baseline"), start=2)}
    rows = [
        metric(role, role, value, metric=measured, ci_low=value, ci_high=value)
        for role, value in values.items() for measured in COMPUTED
    ]  # fmt: skip
    write_table(tmp_path / "metrics.parquet", METRICS, rows)
    table(name, SETTINGS, [tmp_path / "metrics.parquet"], [], tmp_path / "table.csv", tmp_path / "table.md")
    written, page = pd.read_csv(tmp_path / "table.csv"), (tmp_path / "table.md").read_text()
    assert set(written["role"]) == set(LAYOUTS[name].roles)
    assert written.groupby("model")["metric"].agg(list).map(tuple).unique().tolist() == [LAYOUTS[name].metrics]
    for model in written["model"].unique():
        bold = {cell for cell in page.splitlines() if cell.startswith(f"| {model} |") and "**" in cell}
        assert not bold or model in LAYOUTS[name].ranked, f"{model} is not ranked"
    assert "{{" not in page
    assert "{%" not in page


def test_best_is_highest_or_lowest_as_the_metric_wants(tmp_path: Path) -> None:
    rows = [
        metric(model, "student", value, metric=measured, ci_low=None, ci_high=None)
        for model, value in (("good", 0.75), ("bad", 0.5)) for measured in ("accuracy", "nll_nats", "recall")
    ]  # fmt: skip
    write_table(tmp_path / "metrics.parquet", METRICS, rows)
    for name, model in (("table2", "good"), ("table8", "bad")):
        table(name, SETTINGS, [tmp_path / "metrics.parquet"], [], tmp_path / "t.csv", tmp_path / "t.md")
        page = (tmp_path / "t.md").read_text()
        bold = [line for line in page.splitlines() if line.startswith("| ") and "**" in line]
        assert [line.split(" | ")[0] for line in bold] == [f"| {model}"], "recall alone makes no one the best"


def test_what_is_undefined_is_empty_with_its_reason(tmp_path: Path) -> None:
    rows = [
        metric("never", "student", None, metric="precision", n_items=9, n_missing=0),
        metric("never", "student", None, metric="accuracy", n_items=0, n_missing=0),
        metric("never", "student", 0.5, metric="f1", ci_low=None, ci_high=None),
    ]  # fmt: skip
    write_table(tmp_path / "metrics.parquet", METRICS, rows)
    table("table2", SETTINGS, [tmp_path / "metrics.parquet"], [], tmp_path / "t.csv", tmp_path / "t.md")
    assert pd.read_csv(tmp_path / "t.csv")["value"].isna().tolist() == [True, False, True]
    page = (tmp_path / "t.md").read_text()
    assert "urn text has no precision, a division by 0" in page
    assert "urn text has no value, since no item's label is known" in page
    assert "urn text has no interval (undefined in some resamples)" in page


def test_table4_is_in_the_order_of_the_ratios(tmp_path: Path) -> None:
    rows = [metric(name, "student", 1.0) for name in ("A", "B", "C")] + [metric("constant", "control", 1.0)]
    write_table(tmp_path / "metrics.parquet", METRICS, rows)
    ratios = [("A", "all"), ("B", "10.0"), ("C", "2.0")]
    table("table4", SETTINGS, [tmp_path / "metrics.parquet"], ratios, tmp_path / "t.csv", tmp_path / "t.md")
    written = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)
    assert written["model"].tolist() == ["constant", "C", "B", "A"]
    assert written["negative_ratio"].tolist() == ["", "2.0", "10.0", "all"]
    page = (tmp_path / "t.md").read_text()
    assert "- C: 1:2.0\n- B: 1:10.0\n- A: all negatives\n" in page


def test_temperatures_are_told_by_model(tmp_path: Path) -> None:
    rows = [
        metric("CLUE-D", "student", 2.0, metric="nll_nats"),
        *(metric("CLUE-D, scaled", "student", 1.5, metric="temperature", modality=modality, ci_low=None, ci_high=None,
                 interval_method="none: fitted once", n_items=320, n_clusters=24) for modality in ("text", "video")),
    ]  # fmt: skip
    write_table(tmp_path / "metrics.parquet", METRICS, rows)
    table("table7", SETTINGS, [tmp_path / "metrics.parquet"], [], tmp_path / "t.csv", tmp_path / "t.md")
    page = (tmp_path / "t.md").read_text()
    assert page.count("- CLUE-D, scaled: 1.5, fitted on 320 items of 24 events.\n") == 1
    assert "no interval" not in page


@pytest.mark.parametrize(
    ("parameters", "shown"), [(3_090_000_000, "3.09 B"), (1_280_000, "1.28 M"), (999, "999"), (None, "–")]
)
def test_parameters_in_short(parameters: int | None, shown: str) -> None:
    assert in_short(parameters) == shown


def medium(media_id: str, status: str) -> dict[str, Any]:
    return {
        "media_id": media_id, "media_path": f"{media_id}.mp4", "duration_s": None, "fps": None, "width_px": None,
        "height_px": None, "has_video": status == "ok", "has_audio": status == "ok", "sample_rate_hz": None,
        "status": status, "reason": "" if status == "ok" else "the file ends after 0 bytes",
    }  # fmt: skip


def test_coverage_counts_what_was_left_out(tmp_path: Path) -> None:
    items = [
        item("t#0"), item("t#1", probability=None),
        item("v#0", modality="video", media_id="broken", media_path="broken.mp4"),
        item("v#1", modality="video", media_id="broken", media_path="broken.mp4"),
        item("w#0", modality="video", media_id="silent", media_path="silent.mp4"),
        item("x#0", modality="audiovisual", media_id="silent", media_path="silent.mp4"),
    ]  # fmt: skip
    write_table(tmp_path / "media.parquet", MEDIA, [medium("broken", "corrupt"), medium("silent", "no_audio")])
    votes = write_votes(
        tmp_path / "votes.parquet", vote("t#0", 0, 0.5), vote("t#1", 0, None),
        *(vote(name, 0, None, parse_status="no_evidence") for name in ("v#0", "v#1")),
    )  # fmt: skip
    labels = write_labels(tmp_path / "labels.parquet", label("t#0", 0.5), label("t#1", None))
    said = write_predictions(tmp_path / "predictions.parquet", prediction("t#0", 0.5), prediction("v#0", None))
    left_out = tmp_path / "left_out.parquet"
    columns = ("source", "row", "column", "value", "status", "reason")
    faults = [("a.csv", row, "label", "maybe", "malformed", "give true or false") for row in (7, 5)]
    faults.append(("b.csv", 0, "", "40 rows", "unused", "test_split: validation"))
    write_table(left_out, LEFT_OUT, [dict(zip(columns, fault, strict=True)) for fault in faults])
    published = tmp_path / "published.csv"
    published.write_text(
        "source,row,column,value,status,reason\n"
        'video.json,3,,"a claim, with a comma",unused,not one item\n'
        "video.json,4,,another,unused,not one item\n" + "wikivideo,0,item_id,v#0,no_votes,no row is of this item\n" * 2
    )
    outputs = tmp_path / "coverage.csv", tmp_path / "coverage.md"
    coverage(
        [write_items(tmp_path / "items.parquet", *items)], {"mine": [left_out]}, {"theirs": [published]},
        [tmp_path / "media.parquet"],
        {"teacher": [votes]}, {"teacher, mean": [labels]}, {"CLUE-D": [said]}, *outputs,
    )  # fmt: skip
    rows = pd.read_csv(outputs[0], keep_default_na=False)
    counts = rows.set_index(["stage", "source", "modality", "status"])["count"].to_dict()
    assert counts == {
        ("files", "a.csv", "", "malformed"): 2,
        ("files", "b.csv", "", "unused"): 1,
        ("published votes", "theirs, video.json", "", "unused"): 2,
        ("published votes", "theirs, wikivideo", "", "no_votes"): 2,
        ("items", "", "text", "known"): 1,
        ("items", "", "text", "no_probability"): 1,
        ("items", "", "video", "known"): 3,
        ("items", "", "audiovisual", "known"): 1,
        ("premises", "", "text", "premises"): 1,
        ("premises", "", "video", "premises"): 2,
        ("premises", "", "audiovisual", "premises"): 1,
        ("media", "", "video", "corrupt"): 1,
        ("media", "", "video", "no_audio"): 1,
        ("media", "", "audiovisual", "no_audio"): 1,
        ("votes", "teacher", "text", "ok"): 1,
        ("votes", "teacher", "text", "missing"): 1,
        ("votes", "teacher", "video", "no_evidence"): 2,
        ("labels", "teacher, mean", "text", "labelled"): 1,
        ("labels", "teacher, mean", "text", "no_label"): 1,
        ("predictions", "CLUE-D", "text", "ok"): 1,
        ("predictions", "CLUE-D", "video", "no_evidence"): 1,
    }
    page = outputs[1].read_text()
    assert "| mine | a.csv | label | malformed | 2 | row 5: give true or false |" in page
    assert "| mine | b.csv |  | unused | 1 | 40 rows: test_split: validation |" in page
    assert "| theirs | video.json |  | unused | 2 | row 3: not one item |" in page
    assert "| theirs | wikivideo | item_id | no_votes | 2 | v#0: no row is of this item |" in page
    assert "| urn | test | video | 2 | 3 | 1 of 2 |" in page, "a video needs no sound, but must open"
    assert "| urn | test | audiovisual | 1 | 1 | 0 of 1 |" in page
    assert "| votes | teacher | urn | test | no_evidence |  |  | 2 of 2 |  |" in page


def test_what_others_wrote_is_text_on_the_page_and_in_the_trace(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>|![x](http://a.b)\x1b[2J"
    left_out = tmp_path / "left_out.parquet"
    row = {"source": "=1+1.csv", "row": 2, "column": evil, "value": evil, "status": "malformed", "reason": evil}
    write_table(left_out, LEFT_OUT, [row])
    items = write_items(
        tmp_path / "items/urn/items.parquet", item("t#0", hypothesis=f"{evil}\nlabels", premise_text=evil)
    )
    csv, markdown = tmp_path / "c.csv", tmp_path / "c.md"
    coverage([items], {"mine": [left_out]}, {}, [], {}, {}, {}, csv, markdown)
    page = markdown.read_text()
    (line,) = [line for line in page.splitlines() if line.startswith("| mine")]
    assert len(re.findall(r"(?<!\\)\|", line)) == 7, "six cells"
    assert not re.search(r"<img|(?<!\\)\[|http://|\x1b", page)
    assert "'=1+1.csv" in csv.read_text()
    traced = list(lines_of("t#0", tmp_path))
    assert "\x1b" not in "".join(traced)
    assert not [line for line in traced if "\n" in line], "a text forges no line"


def test_hypotheses_do_nothing_on_a_page_of_moves() -> None:
    moved = {
        "item_id": "t#0", "modality": "text", "hypothesis": "<b> [x](http://a.b) ![x](y) | \x1b[2J", "old": 0.1,
        "new": 0.9, "move": 0.8,
    }  # fmt: skip
    table = _largest(pd.DataFrame([moved]))
    assert not re.search(r"<b>|(?<!\\)\[|http://|\x1b", table)
    assert len(re.findall(r"(?<!\\)\|", table.splitlines()[-1])) == 7


def test_coverage_of_a_clean_run_says_so(tmp_path: Path) -> None:
    items = write_items(tmp_path / "items.parquet", item("t#0"))
    coverage([items], {}, {}, [], {}, {}, {}, tmp_path / "c.csv", tmp_path / "c.md")
    assert "Nothing: all media are usable" in (tmp_path / "c.md").read_text()


def test_an_item_is_traced_from_its_file_to_each_error(tmp_path: Path) -> None:
    shown = item("urn/test/video/1#0", modality="video", media_id="m" * 64, media_path="a.mp4", probability=0.5)
    write_items(tmp_path / "items/urn/items.parquet", shown, item("urn/test/video/1#1"))
    write_table(tmp_path / "media/0.parquet", MEDIA, [medium("m" * 64, "ok")])
    evidence = {
        "media_id": "m" * 64, "frames": [b"a", b"b"], "frame_time_s": [0.0, 1.0], "audio": None,
        "settings_digest": "s" * 64, "evidence_digest": "e" * 64,
    }  # fmt: skip
    write_table(tmp_path / "evidence/0.parquet", EVIDENCE, [evidence])
    said = [vote(shown["item_id"], n, p, evidence_digest="e" * 64) for n, p in enumerate([0.25, None])]
    write_votes(tmp_path / "votes/teacher/0.parquet", *said)
    write_votes(tmp_path / "votes/teacher/1.parquet")
    write_labels(tmp_path / "labels/teacher/5-mean/0.parquet", label(shown["item_id"], 0.25))
    write_predictions(tmp_path / "predictions/students/clue-d/full/0.parquet", prediction(shown["item_id"], 0.6))
    write_predictions(tmp_path / "predictions/students/clue-d/sound/0.parquet", prediction(shown["item_id"], None))
    lines = list(lines_of(shown["item_id"], tmp_path))
    page = "\n".join(lines)
    for text in (
        "The next ball is red.",
        "status ok",
        "eeeeeeeeeeee…, 2 frames",
        "'about 0.25'",
        "none (missing), seed 1",
    ):
        assert text in page
    assert any(
        "0.25, squared error x 100: 6.25" in line and "labels/teacher/5-mean/0.parquet" in line for line in lines
    )
    assert any("0.6, squared error x 100: 1 " in line and "clue-d/full/0.parquet" in line for line in lines)
    assert any("no_evidence" in line and "clue-d/sound/0.parquet" in line for line in lines)
    with pytest.raises(ValueError, match="no such item"):
        list(lines_of("urn/test/video/9#9", tmp_path))


def reliability_bins() -> pd.DataFrame:
    rows = [
        {"model": model, "dataset": "urn", "modality": modality, "bin": n, "bin_low": n / 10, "bin_high": (n + 1) / 10,
         "mean_predicted": n / 10 + 0.05 if n else None, "mean_true": n / 10 if n else None,
         "ci_low": n / 11 if n else None, "ci_high": n / 9.5 if n else None, "n_items": 7 * n, "n_clusters": n}
        for model in ("CLUE-D", "CLUE-T") for modality in ("text", "video") for n in range(10)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_reliability_is_drawn_as_the_numbers_are() -> None:
    bins = reliability_bins()
    figure = draw_reliability(bins[(bins["model"] == "CLUE-D") | (bins["modality"] == "text")])
    diagrams, counts = figure.axes[0:2], figure.axes[2:4]
    assert [axes.get_title() for axes in diagrams] == ["urn text", "urn video"]
    line = diagrams[0].lines[1]
    assert line.get_xdata().tolist() == pytest.approx([n / 10 + 0.05 for n in range(1, 10)])
    assert line.get_ydata().tolist() == pytest.approx([n / 10 for n in range(1, 10)])
    assert [bar.get_height() for bar in counts[0].patches] == [7 * n for n in range(10)]
    assert "not asked" in [text.get_text() for text in figure.axes[5].texts], "CLUE-T has no video"


def training_log(path: Path, steps: int) -> Path:
    rows = [
        {"step": step, "modality": ("text", "video")[step % 2], "loss": 1 / step, "gradient_norm": float(step),
         "learning_rate": 0.1, "n_tokens": 1, "padding_share": 0.0}
        for step in range(1, steps + 1)
    ]  # fmt: skip
    write_table(path, TRAINING_LOG, rows)
    return path


def test_training_curves_are_means_of_stretches_by_modality(tmp_path: Path) -> None:
    log = pd.DataFrame({
        "step": np.arange(1, 101), "modality": ["text", "video"] * 50, "loss": np.arange(100.0), "gradient_norm": 1.0,
    })  # fmt: skip
    means = summarise_log(log).set_index(["modality", "step"])
    # Stretches of 4 steps: 1 to 4 hold text's steps 1 and 3, with losses 0 and 2.
    assert means.loc[("text", 2.0), "loss"] == 1.0
    assert means.loc[("video", 3.0), "loss"] == 2.0
    assert means["n_steps"].unique().tolist() == [2]
    curves = pd.concat(means.reset_index().assign(student=student) for student in ("CLUE-D", "CLUE-T"))
    figure = draw_curves(curves, {"CLUE-T": "cross-entropy (nats a token)", "CLUE-D": "KL divergence (nats)"})
    labels = [axes.get_ylabel() for axes in figure.axes[::2]]
    assert labels == ["KL divergence (nats)", "cross-entropy (nats a token)"], "each student's own loss"
    assert {line.get_label() for line in figure.axes[0].lines} == {"text", "video"}


def test_batchings_are_told_from_the_logs(tmp_path: Path) -> None:
    log = training_log(tmp_path / "log.parquet", 50)
    rows = [row | {"modality": "mixed"} for row in read_rows(log, TRAINING_LOG)]
    write_table(tmp_path / "mixed.parquet", TRAINING_LOG, rows)
    logs = {"CLUE-D": [log], "CLUE-D, mixed": [tmp_path / "mixed.parquet"]}
    losses = [(student, "squared error of mean") for student in logs]
    batching_curves(logs, losses, tmp_path / "b.csv", tmp_path / "b.svg", tmp_path / "b.png")
    curves = pd.read_csv(tmp_path / "b.csv").set_index(["student", "step"])
    assert curves["batching"].groupby("student").unique().map(list).to_dict() == {
        "CLUE-D": ["by_modality"], "CLUE-D, mixed": ["mixed"],
    }  # fmt: skip
    first = curves.loc[("CLUE-D", 1.5)]  # steps 1 and 2: losses 1 and 1/2, gradient norms 1 and 2
    assert first["loss"] == 0.75
    assert first[["gradient_norm_p10", "gradient_norm_p90"]].tolist() == pytest.approx([1.1, 1.9])
    assert len((tmp_path / "b.png").read_bytes()) > 10_000


def test_figures_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    reliability_bins().to_csv(tmp_path / "bins.csv", index=False)
    log = training_log(tmp_path / "log.parquet", 60)

    def digests(directory: Path) -> list[str]:
        pictures = [directory / name for name in ("a.svg", "a.png", "b.svg", "b.png")]
        reliability_figure(tmp_path / "bins.csv", *pictures[:2])
        training_curves({"CLUE-D": [log]}, [("CLUE-D", "KL divergence (nats)")], directory / "b.csv", *pictures[2:])
        return [hashlib.sha256(picture.read_bytes()).hexdigest() for picture in pictures]

    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert pd.read_csv(tmp_path / "one/b.csv").columns.tolist() == [
        "student", "modality", "step", "loss", "gradient_norm", "n_steps",
    ]  # fmt: skip


def test_what_caches_spared_is_summed_over_jobs(tmp_path: Path) -> None:
    def counted(name: str, **counts: int) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"judge": "a", "counts": counts or None}))
        return path

    counts = {"completion_tokens": 6, "media": 4, "media_cached": 3}
    files = [
        counted("one", prompt_tokens=600, prompt_tokens_cached=500, **counts),
        counted("two", prompt_tokens=200, prompt_tokens_cached=100, **counts),
        counted("idle"),
    ]
    usage_page({"a": files, "b": [counted("none")]}, tmp_path / "usage.csv", tmp_path / "usage.md")
    assert (tmp_path / "usage.csv").read_text().splitlines()[1:] == ["a,800,600,200,0.750,12,8,6"]
    assert "800 tokens" in (tmp_path / "usage.md").read_text()
