"""Damage to what a killed run has left, and what the next run must say about it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TORN_TAILS = [b'{"request_digest": "5e', b"\0" * 300, b'{"vote": 1}\n']


@dataclass(frozen=True)
class Damage:
    """A damaged file.  One that stops the next run is mended as that run's message says: by deleting it."""

    name: str
    path: Path
    message: str
    stops: bool = False


def torn_journal(results: Path, choice: random.Random) -> Damage | None:
    """Leave the journal of votes a last line that is none."""
    for journal in sorted(results.glob("journals/**/*.jsonl")):
        with journal.open("ab") as file:
            file.write(choice.choice(TORN_TAILS))
        return Damage("journal with a torn tail", journal, r"\.jsonl: cut off a torn last line")
    return None


def spoiled_checkpoint(results: Path, choice: random.Random) -> Damage | None:
    """Change a byte of the latest whole checkpoint."""
    whole = sorted(note.parent for note in results.glob("checkpoints/*/run-*/step-*/complete.json"))
    if len(whole) < 2:
        return None
    files = sorted(path for path in whole[-1].iterdir() if path.suffix == ".pt")
    file = choice.choice(files)
    data = bytearray(file.read_bytes())
    data[choice.randrange(len(data))] ^= 1
    file.write_bytes(data)
    message = rf"{whole[-1].name}: its file {file.name} has changed; the checkpoint before it is used"
    return Damage("checkpoint with a changed byte", file, message)


def truncated_shard(pattern: str) -> Callable[[Path, random.Random], Damage | None]:
    """Return what cuts off the end of a Parquet file that the killed stage reads."""

    def damage(results: Path, choice: random.Random) -> Damage | None:
        for file in sorted(results.glob(pattern)):
            data = file.read_bytes()
            file.write_bytes(data[: choice.randrange(len(data))])
            return Damage(
                "truncated Parquet shard", file, rf"{file.name}: cannot be read as Parquet .*; delete it", True
            )
        return None

    return damage


# By the stage that was killed.
DAMAGES: dict[str, list[Callable[[Path, random.Random], Damage | None]]] = {
    "ask": [torn_journal],
    "train-student": [spoiled_checkpoint, spoiled_checkpoint, truncated_shard("labels/*/5-mean/0.parquet")],
    "make-model": [truncated_shard("evidence/0.parquet")],
}
