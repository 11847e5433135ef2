"""A micro model and a micro world for the tests of the student; they run in the student's environment."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from student_world import HYPOTHESES, TINY, base_model, evidence_of, item, label

from umui.backbone import omni
from umui.files.digests import digest_bytes
from umui.files.parquet import write_table
from umui.tables import EVIDENCE, ITEMS, LABELS, MODALITIES


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a micro model with random weights that tell inputs apart."""
    torch.set_num_threads(1)
    return base_model(TINY, tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def model(base: Path) -> omni.Omni:
    return omni.load(base, torch.float32)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tables of four training and two test premises a modality; the last test premise with media has no evidence."""
    directory = tmp_path_factory.mktemp("world")
    items: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    for split, count in (("train", 4), ("test", 2)):
        for modality in MODALITIES:
            for number in range(count):
                random = np.random.default_rng([number, len(items)])
                premise = f"world/{split}/{modality}/{number}"
                media_id = None if modality == "text" else digest_bytes(premise.encode())
                items += [item(premise, split, modality, media_id, place, random) for place in range(len(HYPOTHESES))]
                if media_id is not None and (split, number) != ("test", 1):
                    evidence.append(evidence_of(media_id, modality, random))
    paths = {name: directory / f"{name}.parquet" for name in ("items", "evidence", "labels")}
    write_table(paths["items"], ITEMS, items)
    write_table(paths["evidence"], EVIDENCE, evidence)
    write_table(paths["labels"], LABELS, [label(row) for row in items if row["split"] == "train"])
    return paths
