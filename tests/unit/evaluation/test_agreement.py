"""Who agrees with whom, and how probabilities are spread: numbers by hand and by scipy, then pictures."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluation_settings import SETTINGS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rows import item, prediction, write_items, write_predictions
from scipy.spatial.distance import jensenshannon

from umui.evaluation.curves.agreement import agreement, compared, jensen_shannon
from umui.evaluation.curves.distributions import distributions, histogram
from umui.reporting.figures.agreement import agreement_figure, draw_agreement
from umui.reporting.figures.distributions import distributions_figure, draw_distributions


@given(arrays(np.float64, (2, 20), elements=st.floats(0, 1, allow_subnormal=False)))  # scipy overflows on these
def test_jensen_shannon_distance_agrees_with_scipy(pairs: np.ndarray) -> None:
    a, b = pairs
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(jensenshannon(np.stack([a, 1 - a]), np.stack([b, 1 - b]), base=2, axis=0))
    assert jensen_shannon(a, b) ** 2 == pytest.approx(expected**2, abs=1e-12)


def statistics(a: list[float], b: list[float]) -> dict[str, float | None]:
    return {row["statistic"]: row["value"] for row in compared(np.array(a), np.array(b))}


def test_statistics_by_hand() -> None:
    found = statistics([0.0, 0.5, 1.0, np.nan], [1.0, 0.5, 0.25, 0.3])
    # Ranks are reversed; deviations (-.5, 0, .5) and (5, -1, -4) / 12.
    assert found["spearman"] == pytest.approx(-1)
    assert found["pearson"] == pytest.approx((-2.5 - 2) / np.sqrt(0.5 * 42))
    assert found["mse"] == pytest.approx((1 + 0 + 0.5625) / 3)
    assert statistics([0.0, 1.0], [1.0, 0.0])["jensen_shannon"] == pytest.approx(1)
    assert statistics([0.2, 0.9], [0.2, 0.9])["jensen_shannon"] == pytest.approx(0, abs=1e-7)


def test_what_says_the_same_everywhere_correlates_with_nothing() -> None:
    found = statistics([0.5, 0.5], [0.1, 0.9])
    assert (found["pearson"], found["spearman"]) == (None, None)
    assert found["mse"] == pytest.approx(0.16)
    assert set(statistics([np.nan], [0.5]).values()) == {None}


def world(tmp_path: Path) -> tuple[list[Path], dict[str, list[Path]]]:
    items = [
        item("a#0", probability=0.1, annotations=[0.0, 0.2]), item("b#0", probability=0.9, annotations=[1.0, 0.8]),
        item("c#0", probability=0.5, annotations=[0.45, None]), item("d#0", probability=0.3),
        item("v#0", modality="video", probability=0.3), item("t#0", split="train", annotations=[0.5, 0.5]),
    ]  # fmt: skip
    masses = [0.0] * 8 + [0.25, 0.75]
    said = [
        prediction("a#0", 0.15) | {"distribution": [0.5, *[0.0] * 8, 0.5]},
        prediction("b#0", 0.96) | {"distribution": masses}, prediction("c#0", None), prediction("d#0", 0.05),
    ]  # fmt: skip
    return (
        [write_items(tmp_path / "i.parquet", *items)],
        {"CLUE-D": [write_predictions(tmp_path / "p.parquet", *said)]},
    )


def test_annotated_items_of_both_raters_count(tmp_path: Path) -> None:
    agreement(SETTINGS, *world(tmp_path), tmp_path / "a.csv")
    rows = pd.read_csv(tmp_path / "a.csv").set_index(["statistic", "rater_a", "rater_b"])
    assert rows.loc[("mse", "annotator 1", "annotator 2"), "n_items"] == 2
    assert rows.loc[("mse", "annotator 1", "CLUE-D"), "value"] == pytest.approx((0.15**2 + 0.04**2) / 2)
    assert rows.loc[("mse", "annotator 1", "annotator 1"), "n_items"] == 3, "neither the training item nor d"
    for statistic in ("pearson", "mse"):
        pair = rows.loc[(statistic, "annotator 2", "CLUE-D"), "value"]
        assert pair == pytest.approx(rows.loc[(statistic, "CLUE-D", "annotator 2"), "value"])


def test_histograms_by_hand(tmp_path: Path) -> None:
    distributions(SETTINGS, *world(tmp_path), tmp_path / "d.csv")
    rows = pd.read_csv(tmp_path / "d.csv").set_index(["modality", "source", "bin"]).sort_index()
    assert rows.loc[("text", "annotators"), "count"].tolist() == [1, 0, 1, 0, 1, 0, 0, 0, 1, 1]
    assert rows.loc[("text", "true probability"), "share"].sum() == pytest.approx(1)
    assert rows.loc[("text", "CLUE-D"), "share"].tolist() == pytest.approx([1 / 3, 1 / 3, *[0] * 7, 1 / 3])
    # Ten masses stand for 0, 1/9, ..., 1; two items have them.
    assert rows.loc[("text", "CLUE-D"), "mean_mass"].tolist() == pytest.approx([0.25, *[0] * 7, 0.125, 0.625])
    assert rows.loc[("text", "annotators"), "mean_mass"].isna().all()
    assert ("video", "annotators", 0) not in rows.index, "nobody annotated it"
    assert ("video", "CLUE-D", 0) not in rows.index, "it was not asked"


def test_a_mean_distribution_keeps_its_mass() -> None:
    masses = np.random.default_rng(0).dirichlet(np.ones(100), size=5)
    rows = histogram(np.array([0.5]), masses, 10)
    assert sum(row["mean_mass"] for row in rows) == pytest.approx(1)


def test_matrices_show_the_numbers(tmp_path: Path) -> None:
    agreement(SETTINGS, *world(tmp_path), tmp_path / "a.csv")
    figure = draw_agreement(pd.read_csv(tmp_path / "a.csv"))
    assert [axes.get_title() for axes in figure.axes] == [
        "Pearson correlation", "Spearman rank correlation", "mean squared difference", "Jensen–Shannon distance",
    ]  # fmt: skip
    words = [text.get_text() for text in figure.axes[2].texts]
    assert words == ["–", ".040", ".012", ".040", "–", ".014", ".012", ".014", "–"]


def test_histograms_are_drawn_as_the_numbers_are(tmp_path: Path) -> None:
    distributions(SETTINGS, *world(tmp_path), tmp_path / "d.csv")
    figure = draw_distributions(pd.read_csv(tmp_path / "d.csv"))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["urn text", "urn video"]
    clue_text, clue_video = figure.axes[4:6]
    assert [bar.get_height() for bar in clue_text.patches[:10]] == pytest.approx([1 / 3, 1 / 3, *[0] * 7, 1 / 3])
    assert "not asked" in [text.get_text() for text in clue_video.texts]


def test_without_anything_to_show_the_figures_say_so(tmp_path: Path) -> None:
    items = [write_items(tmp_path / "i.parquet", item("t#0", split="train"))]
    agreement(SETTINGS, items, {}, tmp_path / "a.csv")
    distributions(SETTINGS, items, {}, tmp_path / "d.csv")
    assert [text.get_text() for text in draw_agreement(pd.read_csv(tmp_path / "a.csv")).texts] == [
        "no item has annotations"
    ]
    assert [text.get_text() for text in draw_distributions(pd.read_csv(tmp_path / "d.csv")).texts] == [
        "there are no items"
    ]


def test_the_same_numbers_give_the_same_pictures(tmp_path: Path) -> None:
    agreement(SETTINGS, *world(tmp_path), tmp_path / "a.csv")
    distributions(SETTINGS, *world(tmp_path), tmp_path / "d.csv")

    def digests(directory: Path) -> list[str]:
        pictures = [directory / name for name in ("a.svg", "a.png", "d.svg", "d.png")]
        agreement_figure(tmp_path / "a.csv", *pictures[:2])
        distributions_figure(tmp_path / "d.csv", *pictures[2:])
        return [hashlib.sha256(picture.read_bytes()).hexdigest() for picture in pictures]

    assert digests(tmp_path / "one") == digests(tmp_path / "two")
