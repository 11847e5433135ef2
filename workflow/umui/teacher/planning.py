"""Decide what is asked: which items, with which words and seeds, and the identity of each answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from umui import config
from umui.artifacts import digest_bytes, digest_file, digest_json, read_rows, read_table, shard_of
from umui.prompts.rendering import Words, render
from umui.tables import EVIDENCE, ITEMS, Modality
from umui.teacher.messages import Evidence, wants_audio, wants_frames

SEED_STRIDE = 64  # the most votes of an item
SEED_BITS = 32  # torch's generator on a CPU ignores higher bits
# What loaders read of a model's directory; logs and cards beside it do not change answers.
MODEL_FILES = ("*config.json", "*token*", "vocab*", "merges.txt", "chat_template*", "*.safetensors*")
ITEM_COLUMNS = (
    "item_id", "dataset", "split", "premise_id", "modality", "premise_text", "media_id", "hypothesis",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """An item in the words of the prompt; `digests` are the identities of its answers, one a vote.

    `answerable` is False when evidence that the modality needs is missing: then nothing is asked.
    """

    item_id: str
    modality: Modality
    premise_text: str | None
    hypothesis: str
    media_id: str | None
    words: Words
    seed: int
    prompt_digest: str
    evidence_digest: str | None
    answerable: bool
    digests: tuple[str, ...]


class EvidenceShelf:
    """The evidence of a shard, held in memory as a compact table."""

    def __init__(self, path: Path) -> None:
        self._table = read_table(path, EVIDENCE, ["media_id", "frames", "audio", "evidence_digest"])
        self._row = {media_id: row for row, media_id in enumerate(self._table["media_id"].to_pylist())}
        self._n_frames = pc.list_value_length(self._table["frames"]).to_pylist()
        self._has_audio = pc.is_valid(self._table["audio"]).to_pylist()

    def digest(self, media_id: str | None) -> str | None:
        """Return the digest of a file's evidence; None without evidence."""
        row = None if media_id is None else self._row.get(media_id)
        return None if row is None else str(self._table["evidence_digest"][row].as_py())

    def suffices(self, media_id: str | None, modality: Modality) -> bool:
        """Say whether all is there that premises of a modality show."""
        row = None if media_id is None else self._row.get(media_id)
        frames_there = row is not None and self._n_frames[row] > 0
        audio_there = row is not None and self._has_audio[row]
        return (frames_there or not wants_frames(modality)) and (audio_there or not wants_audio(modality))

    def take(self, question: Question) -> Evidence:
        """Return the evidence that is to be shown with a question."""
        row = None if question.media_id is None else self._row.get(question.media_id)
        return Evidence(
            frames=self._table["frames"][row].as_py() if wants_frames(question.modality) else [],
            audio=self._table["audio"][row].as_py() if wants_audio(question.modality) else None,
        )


def plan(
    settings: config.Judge,
    model: str,
    revision: str | None,
    media: config.Media,
    items: list[Path],
    shard: int,
    shards: int,
    evidence: EvidenceShelf,
) -> list[Question]:
    """Return the questions of one shard, those of a premise side by side, so that a server computes it once.

    Raises ValueError when more votes are wanted than an item has seeds.
    """
    if settings.sampling.votes > SEED_STRIDE:
        raise ValueError(f"sampling.votes: {settings.sampling.votes} is more than the {SEED_STRIDE} seeds of an item")
    rows = read_rows(items, ITEMS, ITEM_COLUMNS)
    seeds = item_seeds((row["item_id"] for row in rows), settings.sampling.seed)
    chosen = [
        row
        for row in rows
        if row["modality"] in settings.datasets.get(row["dataset"], [])
        and row["split"] in settings.splits
        and shard_of(row["media_id"], row["premise_id"], shards) == shard
    ]
    chosen.sort(key=lambda row: (row["premise_id"], row["item_id"]))
    model_digest = identity(settings, model, revision)
    return [_question(row, settings, media, model_digest, seeds[row["item_id"]], evidence) for row in chosen]


def item_seeds(item_ids: Iterable[str], seed: int) -> dict[str, int]:
    """Return the seed of each item's first vote; the votes of two items never share a seed.

    Seeds are multiples of 64 below 2^32: vLLM takes 64 bits, but torch's generator on a CPU starts alike from seeds that
    agree in their low 32 bits.  An item's place follows from a hash of its name, so that adding an item moves no other,
    save that of two items with the same place the later by name moves to the next that is free (1 pair in 7,000 items,
    on average 0.4).
    """
    places = 2**SEED_BITS // SEED_STRIDE
    seeds: dict[str, int] = {}
    taken: set[int] = set()
    for item_id in sorted(item_ids):
        place = int(digest_bytes(f"{seed}/{item_id}".encode())[:16], 16) % places
        while place in taken:
            place = (place + 1) % places
        taken.add(place)
        seeds[item_id] = place * SEED_STRIDE
    return seeds


def identity(settings: config.Judge, model: str, revision: str | None) -> dict[str, Any]:
    """Return what tells the answering model from others: its files, or its hub name and commit; its number format."""
    directory = Path(model)
    if directory.is_dir():
        files = sorted({file for pattern in MODEL_FILES for file in directory.glob(pattern) if file.is_file()})
        origin = digest_json({file.name: digest_file(file) for file in files})
    else:
        origin = f"{model}@{revision}"
    if settings.endpoint is not None:
        return {"model": origin, "endpoint_model": settings.endpoint.model}
    return {"model": origin, "dtype": settings.server.dtype}


def _question(
    row: dict[str, Any],
    settings: config.Judge,
    media: config.Media,
    model_digest: dict[str, Any],
    seed: int,
    evidence: EvidenceShelf,
) -> Question:
    modality: Modality = row["modality"]
    words = render(settings.prompt, modality, row["premise_text"], row["hypothesis"])
    answerable = bool(row["premise_text"]) if modality == "text" else evidence.suffices(row["media_id"], modality)
    evidence_digest = None if modality == "text" or not answerable else evidence.digest(row["media_id"])
    sampling = settings.sampling
    request = {
        **model_digest,
        "modality": modality,
        "words": words.digest,
        "evidence": evidence_digest,
        "frame_rate_hz": media.frame_rate_hz if wants_frames(modality) else None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "answer_pattern": sampling.answer_pattern,
    }
    return Question(
        item_id=row["item_id"],
        modality=modality,
        premise_text=row["premise_text"],
        hypothesis=row["hypothesis"],
        media_id=row["media_id"],
        words=words,
        seed=seed,
        prompt_digest=digest_json([settings.prompt, words.digest]),
        evidence_digest=evidence_digest,
        answerable=answerable,
        digests=tuple(digest_json({**request, "seed": seed + vote}) for vote in range(sampling.votes)),
    )


def missing_runs(question: Question, have: Iterable[str], *, singly: bool) -> Iterator[range]:
    """Yield the runs of neighbouring votes that are not among the digests `have`; one by one when `singly`."""
    start: int | None = None
    for vote, digest in enumerate((*question.digests, None)):
        missing = digest is not None and digest not in have
        if missing and start is None:
            start = vote
        if start is not None and (not missing or (singly and vote > start)):
            yield range(start, vote)
            start = vote if missing else None
