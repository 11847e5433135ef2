"""Damage to what a killed run has left, and what the next run must say about it."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TORN_TAILS = [b'{"request_digest": "5e', b"\0" * 300, b'{"vote": 1}\n']
AFTER_MAGIC = 4  # bytes of a Parquet file: there begins the first column, which every stage reads


@dataclass(frozen=True)
class Damage:
    """Damaged files, and what is said of them; `set_aside` are those with which the next run stops."""

    name: str
    message: str
    set_aside: tuple[Path, ...] = ()


def torn_journal(results: Path, choice: random.Random) -> Damage | None:
    """Leave the journal of votes a last line that is none."""
    for journal in sorted(results.glob("journals/**/*.jsonl")):
        with journal.open("ab") as file:
            file.write(choice.choice(TORN_TAILS))
        return Damage("journal with a torn tail", r"\.jsonl: cut off a torn last line")
    return None


def spoiled_checkpoint(results: Path, choice: random.Random) -> Damage | None:
    """Change a byte of the latest whole checkpoint of a training that has to go on.

    One that has ended reads its checkpoints no more: a Snakemake that is told to end lets its jobs finish first.
    """
    notes = sorted(results.glob("checkpoints/*/run-*/step-*/complete.json"))
    whole = [note.parent for note in notes if not (results / "students" / note.parents[2].name).exists()]
    if len(whole) < 2:
        return None
    files = sorted(path for path in whole[-1].iterdir() if path.suffix == ".pt")
    file = choice.choice(files)
    data = bytearray(file.read_bytes())
    data[choice.randrange(len(data))] ^= 1
    file.write_bytes(data)
    # The first fault is named; it may be that of an earlier damage, if no training has looked since.
    message = rf"{whole[-1].name}: its file \S+ has changed; the checkpoint before it is used"
    return Damage("checkpoint with a changed byte", message)


def torn_table(pattern: str) -> Callable[[Path, random.Random], Damage | None]:
    """Return what cuts a Parquet file off, or changes a byte in it, that the killed stage reads."""

    def damage(results: Path, choice: random.Random) -> Damage | None:
        for file in sorted(results.glob(pattern)):
            data = bytearray(file.read_bytes())
            if choice.random() < 0.5:
                name = "truncated table"
                del data[choice.randrange(len(data)) :]
            else:
                name = "table with a changed byte"
                data[AFTER_MAGIC] ^= 1
            file.write_bytes(data)
            return Damage(name, rf"{file.name}: cannot be read as Parquet .*; set aside as", (file,))
        return None

    return damage


def copied_shard(results: Path, choice: random.Random) -> Damage | None:
    """Copy one shard of the evidence over another."""
    shards = sorted(results.glob("evidence/*.parquet"))
    if len(shards) < 2:
        return None
    chosen = choice.sample(shards, 2)
    shutil.copy(*chosen)
    message = rf"{shards[1].name}: \d+ rows of the evidence table are in \S+ too, .*; set aside as"
    return Damage("shard that is there twice", message, tuple(chosen))


# By the stage that was killed.
DAMAGES: dict[str, list[Callable[[Path, random.Random], Damage | None]]] = {
    "ask": [torn_journal],
    "train-student": [spoiled_checkpoint, spoiled_checkpoint, torn_table("labels/*/5-mean.parquet")],
    "make-model": [torn_table("evidence/0.parquet"), copied_shard],
}
