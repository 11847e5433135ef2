"""A server that answers as a judge would, and items to ask about."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from asking_world import N_ITEMS
from chat_server import ChatServer, chat_server
from rows import item

from umui.files.parquet import write_table
from umui.tables import EVIDENCE, ITEMS


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Write 24 text items of 6 premises."""
    items = [item(f"urn/test/text/{n // 4}#{n % 4}", hypothesis=f"Ball {n % 4} is red.") for n in range(N_ITEMS)]
    write_table(tmp_path / "items.parquet", ITEMS, items)
    write_table(tmp_path / "evidence.parquet", EVIDENCE, [])
    return tmp_path
