"""Decide what is asked: which items, with which words and seeds, and the identity of each answer."""

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from umui.config.judges import Judge
from umui.config.models import Media
from umui.evidence.shelf import EvidenceShelf
from umui.evidence.shown import SEES
from umui.files.checkpoint import checkpoint_digest
from umui.files.digests import check_pinned, digest_bytes, digest_json, shard_of
from umui.files.parquet import read_table
from umui.prompts.control_tokens import control_tokens
from umui.prompts.rendering import Words, render
from umui.tables import ITEMS, Modality

SEED_STRIDE = 64  # the most votes of an item
SEED_BITS = 32  # torch's generator on a CPU ignores higher bits
# What loaders read of a model's directory; logs and cards beside it do not change answers.  The identity of a student's
# base takes more (umui.backbone.omni).  Neither list may change: journals and checkpoints hold what comes of them.
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


def plan(
    settings: Judge,
    model: str,
    revision: str | None,
    media: Media,
    items: Sequence[Path],
    shard: int,
    shards: int,
    evidence: EvidenceShelf,
) -> list[Question]:
    """Return the questions of one shard, those of a premise side by side, so that a server computes it once.

    Premises are in the order of their files, which is that of the evidence table.

    Raises ValueError when more votes are wanted than an item has seeds.
    """
    if settings.sampling.votes > SEED_STRIDE:
        raise ValueError(f"sampling.votes: {settings.sampling.votes} is more than the {SEED_STRIDE} seeds of an item")
    table = read_table(items, ITEMS, ITEM_COLUMNS)
    seeds = item_seeds(table["item_id"].to_pylist(), settings.sampling.seed)
    rows = rows_of_shard(table, settings, shard, shards)
    rows.sort(key=lambda row: (row["media_id"] or "", row["premise_id"], row["item_id"]))
    model_digest = identity(settings, model, revision)
    tokens = control_tokens(model)
    return [_question(row, settings, media, model_digest, seeds[row["item_id"]], evidence, tokens) for row in rows]


def rows_of_shard(items: pa.Table, settings: Judge, shard: int, shards: int) -> list[dict[str, Any]]:
    """Return the rows of the items table that a judge is asked about in one shard."""
    where = (items[name].to_pylist() for name in ("dataset", "modality", "split", "media_id", "premise_id"))
    chosen = [
        modality in settings.datasets.get(dataset, [])
        and split in settings.splits
        and shard_of(media_id, premise_id, shards) == shard
        for dataset, modality, split, media_id, premise_id in zip(*where, strict=True)
    ]
    rows: list[dict[str, Any]] = items.filter(pa.array(chosen, pa.bool_())).to_pylist()
    return rows


def item_seeds(item_ids: Iterable[str], seed: int) -> dict[str, int]:
    """Return the seed of each item's first vote; the votes of two items never share a seed.

    Seeds are multiples of 64 below 2^32: vLLM takes 64 bits, but torch's generator on a CPU starts alike from seeds
    that agree in their low 32 bits.  An item's place follows from a hash of its name, so that adding an item moves no
    other; only where two items hash to one place (0.4 pairs, on average, among 7,000 items) the later by name takes
    the next.
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


def identity(settings: Judge, model: str, revision: str | None) -> dict[str, Any]:
    """Return what tells the answering model from others: its files, or its hub name and commit; its number format."""
    directory = Path(model)
    if directory.is_dir():
        origin = checkpoint_digest(directory, MODEL_FILES)
    else:
        if settings.endpoint is None:
            check_pinned(model, revision)
        origin = f"{model}@{revision}"
    if settings.endpoint is not None:
        return {"model": origin, "endpoint_model": settings.endpoint.model}
    return {"model": origin, "dtype": settings.server.dtype}


def _question(
    row: dict[str, Any],
    settings: Judge,
    media: Media,
    model_digest: dict[str, Any],
    seed: int,
    evidence: EvidenceShelf,
    tokens: Collection[str] | None,
) -> Question:
    modality: Modality = row["modality"]
    words = render(settings.prompt, modality, row["premise_text"], row["hypothesis"], tokens)
    answerable = bool(row["premise_text"]) if modality == "text" else evidence.suffices(row["media_id"], modality)
    evidence_digest = None if modality == "text" or not answerable else evidence.digest(row["media_id"])
    sampling = settings.sampling
    request = {
        **model_digest,
        "modality": modality,
        "words": words.digest,
        "evidence": evidence_digest,
        "frame_rate_hz": media.frame_rate_hz if modality in SEES else None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "answer_pattern": sampling.answer_pattern,
        **({"read": [settings.read.opening, *settings.read.tokens]} if settings.read else {}),
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


def missing_runs(question: Question, due: int, have: Container[str], *, singly: bool) -> Iterator[range]:
    """Yield the runs of neighbours of the first `due` votes whose digests `have` lacks; one by one when `singly`."""
    missing = [vote for vote, digest in enumerate(question.digests[:due]) if digest not in have]
    for _, run in groupby(enumerate(missing), key=lambda pair: pair[0] if singly else pair[1] - pair[0]):
        votes = [vote for _, vote in run]
        yield range(votes[0], votes[-1] + 1)
