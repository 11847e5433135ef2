"""What trains: labels of the teacher, and the filter that asks for agreement with the data set's own labels."""

from pathlib import Path

import numpy as np
import pytest
from student_world import MEDIA, item, student_settings

from umui.backbone.encoding import Encoder
from umui.backbone.omni import Omni
from umui.evidence.decoded import Evidence
from umui.files.parquet import write_table
from umui.students.training_items import read
from umui.tables import EVIDENCE, ITEMS, LABELS

OWN_AND_TEACHERS = [(True, 0.8), (True, 0.3), (False, 0.4), (False, 0.5), (None, 0.9), (True, None)]


@pytest.mark.parametrize(
    ("agreement_filter", "trained", "lost"), [(False, [0.8, 0.3, 0.4, 0.5, 0.9], 0), (True, [0.8, 0.4], 3)]
)
def test_agreement_is_being_on_one_side_of_a_half(
    agreement_filter: bool, trained: list[float], lost: int, model: Omni, tmp_path: Path
) -> None:
    """Exactly 0.5 counts as a yes, and where the data set has no label there is nothing to agree with."""
    items, labels = tmp_path / "items.parquet", tmp_path / "labels.parquet"
    random = np.random.default_rng(0)
    names = [f"world/train/text/{number}" for number in range(len(OWN_AND_TEACHERS))]
    rows = [item(name, "train", "text", None, 0, random) for name in names]
    own = [row | {"label": label} for row, (label, _) in zip(rows, OWN_AND_TEACHERS, strict=True)]
    write_table(items, ITEMS, own)
    said = [
        {"item_id": row["item_id"], "teacher": "teacher", "aggregation": "mean", "n_votes": 5, "n_parsed": 5,
         "probability": probability, "vote_std": None}
        for row, (_, probability) in zip(rows, OWN_AND_TEACHERS, strict=True)
    ]  # fmt: skip
    write_table(labels, LABELS, said)
    settings = student_settings()
    source = settings.sources["world"].model_copy(update={"agreement_filter": agreement_filter})
    settings = settings.model_copy(update={"sources": {"world": source}})
    encoder = Encoder(model, "claim-v1", MEDIA, Evidence(EVIDENCE.schema.empty_table()))
    found = read(settings, [items], {"world": [labels]}, encoder)
    assert [found.hypothesis(premise, 0)[1] for premise in range(found.n_premises)] == trained
    assert found.counts["without label"] == 1
    assert found.counts["without agreement"] == lost
