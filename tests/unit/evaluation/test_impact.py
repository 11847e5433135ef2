"""What another teacher changes: moves and differences worked by hand, and the page that says so."""

from pathlib import Path

import pandas as pd
import pytest
from evaluation_settings import SETTINGS
from rows import item, label, prediction, write_items, write_labels, write_predictions

from umui.evaluation.impact import impact
from umui.reporting.impact import impact_page

OLD = {"a#0": 0.2, "b#0": 0.5, "c#0": None, "d#0": 0.9, "v#0": 0.1}
NEW = {"a#0": 0.6, "b#0": 0.5, "c#0": 0.7, "d#0": None, "v#0": 0.3, "only new#0": 0.4}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The three tables of the stage: five items of which both teachers have rows, three of them in the test split."""
    items = write_items(
        tmp_path / "items.parquet",
        item("a#0", probability=0.6, hypothesis="1 < 2 | so"), item("b#0", probability=0.3),
        item("c#0", split="train"), item("d#0", split="train"),
        item("v#0", modality="video", probability=0.2), item("only new#0"),
    )  # fmt: skip
    files = {}
    for name, given in (("old", OLD), ("new", NEW)):
        rows = [label(item_id, probability) for item_id, probability in given.items()]
        files[name] = [write_labels(tmp_path / f"{name}.parquet", *rows)]
        answers = [prediction(item_id, probability) for item_id, probability in given.items()]
        files[f"{name} predicted"] = [write_predictions(tmp_path / f"{name} predicted.parquet", *answers)]
    impact(
        SETTINGS, [items], {"5-mean": files["old"]}, {"5-mean": files["new"]},
        {"old": files["old predicted"], "new": files["new predicted"]}, [("new", "old")],
        tmp_path / "moves.csv", tmp_path / "labels.csv", tmp_path / "metrics.csv",
    )  # fmt: skip
    return tmp_path


def test_moves_by_hand(written: Path) -> None:
    labels = pd.read_csv(written / "labels.csv").set_index("modality")
    text, video = labels.loc["text"], labels.loc["video"]
    assert text[["n_items", "n_moved", "n_changed_side", "n_lost", "n_gained"]].tolist() == [2, 1, 1, 1, 1]
    shares = ["share_moved", "mean_move", "mean_absolute_move", "absolute_move_p50", "absolute_move_max"]
    assert text[shares].tolist() == pytest.approx([0.5, 0.2, 0.2, 0.2, 0.4])
    assert video[["n_items", "n_moved", "n_changed_side"]].tolist() == [1, 1, 0]
    moves = pd.read_csv(written / "moves.csv").set_index("item_id")
    assert "only new#0" not in moves.index, "the old teacher was not asked about it"
    assert moves.loc["a#0", "move"] == pytest.approx(0.4)
    assert moves.loc["d#0", "split"] == "train"


def test_figures_by_hand(written: Path) -> None:
    figures = pd.read_csv(written / "metrics.csv").set_index(["modality", "metric"])
    mse = figures.loc[("text", "mse_x100")]
    # Truth 0.6 and 0.3: old (0.4^2 + 0.2^2) / 2, new (0 + 0.2^2) / 2.
    assert mse[["value_old", "value_new", "difference"]].tolist() == pytest.approx([10, 2, -8])
    assert (mse["n_items"], mse["n_clusters"]) == (2, 2)
    assert mse["difference_ci_low"] == pytest.approx(-16), "both draws are a#0"
    assert mse["difference_ci_high"] == pytest.approx(0), "both draws are b#0"


def test_the_page_names_items_and_marks_what_is_more_than_chance(written: Path) -> None:
    figures = pd.read_csv(written / "metrics.csv")
    certain = (figures["modality"] == "text") & (figures["metric"] == "mse_x100")
    figures.loc[certain, "difference_ci_high"] = -1.0
    figures.to_csv(written / "metrics.csv", index=False)
    impact_page(
        "old teacher", "new teacher", written / "moves.csv", written / "labels.csv", written / "metrics.csv",
        written / "page.md", written / "page.svg", written / "page.png",
    )  # fmt: skip
    page = (written / "page.md").read_text()
    assert "# new teacher in the place of old teacher" in page
    assert "| `a#0` | text | 1 &lt; 2 \\| so | 0.200 | 0.600 | +0.400 |" in page
    assert page.index("`a#0`") < page.index("`v#0`"), "the largest first"
    assert "`b#0`" not in page, "it did not move"
    assert "| urn | text | mse_x100 | 10.00 | 2.00 | **-8.00 [-16.00, -1.00]** | 2 (2) |" in page
    assert "1 of 3 differences" in page
    assert "No two students differ in these teachers alone" in page
    assert (written / "page.svg").read_text().count("<image") == 2, "a panel of dots a modality"
    assert len((written / "page.png").read_bytes()) > 5_000
