"""Replies that no honest server gives: mangled by a seed, from an honest one."""

import copy
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

WRONG: tuple[Any, ...] = (
    None, "7", -1, 10**30, 1.5, True, [], {}, [[]], {"error": "x"}, float("nan"), [{"type": "text", "text": "hi"}],
)  # fmt: skip
PLACES: tuple[tuple[str | int, ...], ...] = (
    (), ("choices",), ("usage",), ("model",), ("usage", "prompt_tokens"), ("choices", 0), ("choices", 0, "index"),
    ("choices", 0, "message"), ("choices", 0, "message", "content"), ("choices", 0, "message", "reasoning"),
    ("choices", 0, "finish_reason"), ("choices", 0, "token_ids"),
)  # fmt: skip
BODIES = (
    b"", b"null", b"[]", b"<html>busy</html>", b"data: {}\n\n", b"\xff\xfe", b"[" * 100_000, b"{" * 10,
    b"9" * 10_000, b'{"choices": [', b'{"error": {"message": "later"}}',
)  # fmt: skip


def placed(honest: dict[str, Any], place: tuple[str | int, ...], value: Any) -> Any:
    """Return a copy of an honest reply with another value at one place."""
    if not place:
        return value
    mangled = copy.deepcopy(honest)
    node: Any = mangled
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return mangled


def mangled(seed: int) -> Callable[[int, dict[str, Any]], bytes]:
    """Return a server's way to answer: each reply another body, or an honest one with a wrong value somewhere."""
    chance = random.Random(seed)

    def body(number: int, honest: dict[str, Any]) -> bytes:
        if chance.random() < 0.3:
            return chance.choice(BODIES)
        return json.dumps(placed(honest, chance.choice(PLACES), chance.choice(WRONG))).encode()

    return body


def every_wrong_value() -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every place with every wrong value."""
    return ((place, value) for place in PLACES for value in WRONG)


def trickle(connection: BinaryIO) -> None:
    """Give a byte of the body now and then."""
    connection.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.write(b" ")
        time.sleep(0.2)


def trickled_headers(connection: BinaryIO) -> None:
    """Give a byte of the headers now and then."""
    connection.write(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(1000):
        connection.write(b"x")
        time.sleep(0.2)


def continue_for_ever(connection: BinaryIO) -> None:
    """Say 100 Continue again and again."""
    for _ in range(1000):
        connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def endless(connection: BinaryIO) -> None:
    """Give a body without an end, of 4 GiB at most."""
    connection.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(4096):
        connection.write(b" " * 2**20)


def packed(connection: BinaryIO) -> None:
    """Give a body that unpacks to a thousand times its size."""
    import gzip

    data = gzip.compress(b" " * 2**24)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.write(head.encode() + data)
