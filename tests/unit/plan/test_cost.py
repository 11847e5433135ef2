"""The forecast of a run's cost, against numbers worked by hand."""

from pathlib import Path

import pandas as pd
import pytest
import yaml
from rows import item

from umui.config.loading import load
from umui.files.parquet import write_table
from umui.plan.cost import cost
from umui.tables import ITEMS

ROOT = Path(__file__).parents[3]
ITEM_ROWS = [
    item(f"urn/{split}/{modality}/{premise}#{number}", split=split, modality=modality, hypothesis="A" * 40,
         premise_text="B" * 80 if modality == "text" else None)
    for split, premises in (("train", 5), ("test", 2))
    for modality in ("text", "video")
    for premise in range(premises)
    for number in range(3)
]  # fmt: skip


@pytest.fixture
def forecast(tmp_path: Path) -> pd.DataFrame:
    raw = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["costs"] |= {"media_s": 10, "tokens_a_frame": 4, "training_tokens_per_s": 10.0}
    raw["media"]["frame_rate_hz"] = 0.5
    training = raw["students"]["clue-d"]["training"]
    training |= {"steps": None, "epochs": 2, "premises_per_batch": 2, "accumulation": 1, "hypotheses_per_premise": 2}
    raw["students"]["claim-first"] = {"like": "clue-d", "prompt": "claim-first-v1"}
    write_table(tmp_path / "items.parquet", ITEMS, ITEM_ROWS)
    cost(load(raw), [tmp_path / "items.parquet"], tmp_path / "cost.csv")
    return pd.read_csv(tmp_path / "cost.csv").set_index("model")


def test_votes_are_counted_by_split_and_prompts_by_item(forecast: pd.DataFrame) -> None:
    teacher = forecast.loc["tiny-teacher"]
    assert (teacher["items"], teacher["premises"], teacher["votes"]) == (42, 14, 210)
    an_item = 200 + 20 + (20 + 10)  # 80 letters, or 5 frames of 4 tokens; then a hypothesis of 40 letters
    assert teacher["prompt_tokens"] == 42 * an_item
    assert teacher["completion_tokens"] == 210 * 8
    assert pd.isna(teacher["hours"]), "no rate is stated"
    assert forecast.loc["tiny-base", "items"] == 12


def test_training_reads_a_premise_once_for_the_hypotheses_of_a_batch(forecast: pd.DataFrame) -> None:
    student = forecast.loc["clue-d"]
    assert student["steps"] == 2 * (3 + 3)  # five premises of each modality, two a step
    assert student["training_tokens"] == 2 * 10 * (220 + 2 * 30)
    assert student["hours"] == pytest.approx(student["training_tokens"] / 10 / 3600)


def test_with_the_claim_first_a_premise_is_read_for_each_hypothesis(forecast: pd.DataFrame) -> None:
    assert forecast.loc["claim-first", "training_tokens"] == 2 * 10 * 2 * (220 + 30)
