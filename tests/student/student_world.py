"""Settings of a micro student, and the rows of a micro world."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml
from PIL import Image

from umui.backbone import omni
from umui.config.models import Media, Tiny
from umui.config.students import Student
from umui.evidence.decoded import Premise
from umui.files.digests import digest_bytes
from umui.files.parquet import read_rows
from umui.models import tiny_architecture
from umui.students.predict import predict_shard
from umui.students.train import train
from umui.tables import ITEMS, MODALITIES, PREDICTIONS

HYPOTHESES = ("It is red.", "It was blue before, and will be again.", "Two of them differ.", "Nothing happened.")
DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
MEDIA = Media(**DEFAULT["media"] | {"frame_rate_hz": 6.25, "frame_size_px": 56, "sample_rate_hz": 16000})
TINY = Tiny(
    **DEFAULT["models"]["tiny-teacher"]["tiny"]
    | {"hidden_size": 64, "layers": 2, "tower_hidden_size": 32, "steps": 3, "premises_per_step": 2}
)


EVERYWHERE = DEFAULT["students"]["clue-d"]["lora"] | {"dropout": 0.0}  # adapters that learn even on random weights


def base_model(settings: Tiny, directory: Path) -> Path:
    """Write a model with random weights into `directory`."""
    words = [*HYPOTHESES, "Claim: user assistant system the balls were drawn", "<answer>0.65</answer>"]
    processor = tiny_architecture.processor(settings, MEDIA, words)
    omni.save(omni.Omni(tiny_architecture.thinker(settings, processor.tokenizer), processor), directory)
    return directory


def student_settings(**changes: Any) -> Student:
    """Settings of a student; `changes` are by key, those of the training too."""
    settings = DEFAULT["students"]["clue-d"] | {
        "prompt": "claim-v1", "bins": 20, "sigma": 0.05, "batch_premises": 3,
        "sources": {"world": {"modalities": list(MODALITIES), "teacher": "teacher", "label": "mean",
                              "agreement_filter": False}},
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.1, "targets": ["q_proj", "v_proj", "down_proj"]},
    }  # fmt: skip
    training = settings["training"] | {
        "steps": 8, "premises_per_batch": 2, "hypotheses_per_premise": 3, "accumulation": 1, "checkpoint_every": 2,
        "warmup_steps": 2, "ranks": 1, "seed": 3,
    }  # fmt: skip
    training |= {key: changes.pop(key) for key in list(changes) if key in training}
    return Student.model_validate({**settings, **changes, "training": training})


def item(
    premise: str, split: str, modality: str, media_id: str | None, place: int, random: np.random.Generator
) -> dict[str, Any]:
    return {
        "item_id": f"{premise}#{place}", "dataset": "world", "split": split, "event": premise, "premise_id": premise,
        "modality": modality, "premise_text": f"Ball {premise[-1]} was blue." if modality == "text" else None,
        "media_id": media_id, "media_path": None, "hypothesis": HYPOTHESES[place], "label": None,
        "probability": 0.2 * (place + 1) + 0.1 * float(random.random()), "annotations": None,
    }  # fmt: skip


def label(item: dict[str, Any]) -> dict[str, Any]:
    probability = None if item["item_id"].endswith("train/text/0#0") else item["probability"]
    return {
        "item_id": item["item_id"], "teacher": "teacher", "aggregation": "mean", "n_votes": 5, "n_parsed": 5,
        "probability": probability, "vote_std": None,
    }  # fmt: skip


def evidence_of(media_id: str, modality: str, random: np.random.Generator) -> dict[str, Any]:
    frames = [] if modality == "audio" else [_picture(random) for _ in range(int(random.integers(1, 4)) * 2)]
    audio = None if modality == "video" else _sound(random)
    return {
        "media_id": media_id, "frames": frames, "frame_time_s": [number / 6.25 for number in range(len(frames))],
        "audio": audio, "settings_digest": "0", "evidence_digest": digest_bytes(b"".join(frames) + (audio or b"")),
    }  # fmt: skip


def _picture(random: np.random.Generator) -> bytes:
    file = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (56, 56, 3), dtype=np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def _sound(random: np.random.Generator) -> bytes:
    file = io.BytesIO()
    samples = 0.2 * random.standard_normal(int(random.integers(5000, 20000)))
    soundfile.write(file, samples, 16000, format="FLAC")
    return file.getvalue()


def run(settings: Student, base: Path, world: dict[str, Path], directory: Path, **features: Any) -> Path:
    train(
        settings,
        MEDIA,
        base=str(base),
        revision=None,
        items=[world["items"]],
        evidence=[world["evidence"]],
        labels={"world": [world["labels"]]},
        checkpoints=directory / "checkpoints",
        output=directory / "student",
        workers=1,
        **features,
    )
    return directory / "student"


def contents(student: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(student.iterdir())}


def predict(
    student: Path, base: Path, world: dict[str, Path], output: Path, settings: Student, **changes: Any
) -> list[dict[str, Any]]:
    view = changes.pop("view", "full")
    given = {"splits": ["test"], "shard": 0, "shards": 1, "workers": 1} | changes
    predict_shard(
        settings, MEDIA, base=str(base), revision=None, student=student, views=[(view, "CLUE", str(output))],
        items=[world["items"]], evidence=world["evidence"], **given,
    )  # fmt: skip
    return read_rows(output, PREDICTIONS)


def premises_of(world: dict[str, Path], modality: str) -> list[Premise]:
    rows = {row["premise_id"]: row for row in read_rows(world["items"], ITEMS) if row["split"] == "train"}
    return [
        Premise(row["premise_id"], row["modality"], row["premise_text"], row["media_id"])
        for row in rows.values()
        if row["modality"] == modality
    ]
