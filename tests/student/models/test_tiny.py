"""Making a tiny model: the same inputs give the same bytes, and the model learns its lessons."""

from pathlib import Path
from typing import Any

import pytest
import torch
from student_world import HYPOTHESES, MEDIA, TINY

from umui.backbone import omni
from umui.files.parquet import read_rows, write_table
from umui.models.tiny import make
from umui.models.tiny_architecture import calibrate_audio, thinker
from umui.tables import ITEMS, LESSONS


@pytest.fixture(scope="module")
def lessons(world: dict[str, Path]) -> Path:
    path = world["items"].with_name("lessons.parquet")
    premises = sorted({row["premise_id"] for row in read_rows(world["items"], ITEMS) if row["split"] == "train"})
    rows: list[dict[str, Any]] = []
    for premise in premises:
        rows.append(_lesson(premise, 0, "Describe the draws.", None, "blue red"))
        rows += [_lesson(premise, number + 1, None, text, f"0.{number + 1}5") for number, text in enumerate(HYPOTHESES)]
    write_table(path, LESSONS, rows)
    return path


def _lesson(
    premise: str, number: int, instruction: str | None, hypothesis: str | None, response: str
) -> dict[str, Any]:
    return {"premise_id": premise, "lesson": number, "instruction": instruction, "hypothesis": hypothesis,
            "response": response}  # fmt: skip


@pytest.mark.parametrize("curriculum", ["describe", "judge"])
def test_the_same_inputs_give_the_same_bytes(
    curriculum: str, world: dict[str, Path], lessons: Path, tmp_path: Path
) -> None:
    settings = TINY.model_copy(update={"curriculum": curriculum})
    for name in ("one", "other"):
        make(settings, "scalar-v1", MEDIA, [world["items"]], [lessons], [world["evidence"]], tmp_path / name, workers=1)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "other").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes(), name


def test_a_teacher_learns_to_answer(
    world: dict[str, Path], lessons: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = TINY.model_copy(update={"steps": 60, "learning_rate": 0.003})
    make(settings, "scalar-v1", MEDIA, [world["items"]], [lessons], [world["evidence"]], tmp_path / "made", workers=1)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert float(last.rpartition("loss ")[2]) < 0.7, last
    assert omni.load(tmp_path / "made", torch.float32).processor.tokenizer.eos_token == "<|im_end|>"


def test_calibrated_convolutions_have_mean_0_and_deviation_1(base: Path) -> None:
    processor = omni.load(base, torch.float32).processor
    model = thinker(TINY, processor.tokenizer)
    generator = torch.Generator().manual_seed(0)
    mels = [torch.randn(128, length, generator=generator) * 3 + 1 for length in (80, 120, 200)]
    calibrate_audio(model, mels)
    tower = model.model.audio_tower
    first = [tower.conv1(mel[None])[0] for mel in mels]
    second = [tower.conv2(torch.nn.functional.gelu(output)[None])[0] for output in first]
    for outputs in (torch.cat(first, 1), torch.cat(second, 1)):
        torch.testing.assert_close(outputs.mean(1), torch.zeros(len(outputs)), atol=1e-3, rtol=0)
        torch.testing.assert_close(outputs.std(1), torch.ones(len(outputs)), atol=1e-2, rtol=0)
