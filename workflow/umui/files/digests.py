"""What names a thing by its content: sha256 digests, and what follows from them."""

import hashlib
import json
from pathlib import Path
from typing import Any


def digest_bytes(data: bytes) -> str:
    """Return the sha256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_json(value: Any) -> str:
    """Return the sha256 of a JSON value, whatever the order of its keys."""
    return digest_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def digest_file(path: Path) -> str:
    """Return the sha256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_pinned(model: str, revision: str | None) -> None:
    """Raise ValueError when a hub name comes without a commit: what it stands for may change."""
    if revision is None:
        raise ValueError(
            f"{model}: no such directory, and a hub name needs its commit (models.NAME.revision); "
            "`snakemake results/models.lock.yaml` with the same --configfile writes the commits of all models"
        )


def shard_of(media_id: str | None, premise_id: str, shards: int) -> int:
    """Return the shard, in 0..shards-1, of a premise.

    It depends on the premise alone, so that adding an item moves no other, all hypotheses of a premise share a shard,
    and premises cut from one file share its extraction.
    """
    return int(digest_bytes((media_id or premise_id).encode())[:12], 16) % shards
