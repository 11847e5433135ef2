"""A judge's settings, and a job that asks about the items of the tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from umui.asking.ask import ask_shards
from umui.config.judges import Judge
from umui.config.models import Media
from umui.files.parquet import read_rows
from umui.tables import VOTES

pytest.importorskip("openai")
CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
MEDIA = Media.model_validate(CONFIG["media"])
N_ITEMS = 24


def judge(url: str | None, *, client: dict[str, Any] | None = None, **sampling: Any) -> Judge:
    settings = CONFIG["teachers"]["tiny-teacher"]
    endpoint = None if url is None else {"url": url, "model": "judge", "key_variable": None}
    return Judge.model_validate(
        settings
        | {"splits": ["test"], "endpoint": endpoint, "sampling": settings["sampling"] | sampling}
        | {"client": settings["client"] | {"concurrency": 4, "retries": 1} | (client or {})}
    )


def ask(
    settings: Judge, world: Path, out: str = "out", chosen: Sequence[int] = (0,), shards: int = 1
) -> list[dict[str, Any]]:
    directory = world / out
    ask_shards(
        settings.model_dump(mode="json"), {}, "judge", "model", "0" * 40, MEDIA, [world / "items.parquet"],
        list(chosen), shards, [world / "evidence.parquet"] * len(chosen), directory / "journal",
        directory / "votes.parquet", directory / "timings.parquet", directory / "usage.json", directory / "server.log",
    )  # fmt: skip
    return read_rows(directory / "votes.parquet", VOTES)


def statuses(votes: list[dict[str, Any]]) -> set[str]:
    return {vote["parse_status"] for vote in votes}
