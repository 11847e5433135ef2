"""Table 6 says what the students were trained with."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from umui.config.loading import load
from umui.papers.clue.hyperparameters import hyperparameters

ROOT = Path(__file__).parents[3]


def test_hyperparameters_are_those_of_the_run(tmp_path: Path) -> None:
    raw: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())
    raw["students"]["clue-t"]["training"]["negative_ratio"] = 6.5
    raw["students"]["clue-t"]["lora"] = raw["students"]["clue-t"]["lora"] | {"rank": 3}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(load(raw).model_dump(mode="json")))
    hyperparameters(tmp_path / "run.yaml", tmp_path / "t.csv", tmp_path / "t.md")
    rows = pd.read_csv(tmp_path / "t.csv").set_index(["student", "hyperparameter"])["value"]
    assert rows["CLUE-T", "lora.rank"] == "3"
    assert rows["CLUE-D", "lora.rank"] == str(raw["students"]["clue-d"]["lora"]["rank"])
    assert rows["CLUE-T", "training.negative_ratio"] == "6.5"
    assert pd.isna(rows["CLUE-D", "training.negative_ratio"])
    assert rows["CLUE-D", "sigma"] == "0.05"
    assert ("CLUE-T", "sigma") not in rows.index, "a student that answers in text has no bins to spread a target over"
    assert float(rows["CLUE-D", "training.learning_rate"]) == raw["students"]["clue-d"]["training"]["learning_rate"]
    lines = (tmp_path / "t.md").read_text().splitlines()
    line = next(line for line in lines if "`training.negative_ratio`" in line)
    assert line.split("|")[2:4] == [" – ", " 6.5 "]
