"""What may stand where a lease should: garbled, cut, of another shape, or no file at all."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

Damage = Callable[[Path], object]
ODD: list[Any] = [None, True, -1, 0, 2**70, 1.5, "", "0", [], {}, "\0", "\N{ESCAPE}[2J"]


def damages(whole: dict[str, Any], seed: int) -> dict[str, Damage]:
    """Return ways to spoil the lease `whole`, by name; each takes the path where the lease is to stand."""
    choice = random.Random(f"leases {seed}")
    data = json.dumps(whole).encode()
    contents = {
        "empty": b"",
        "zeroed": b"\0" * len(data),
        "cut": data[: choice.randrange(1, len(data))],
        "noise": choice.randbytes(choice.randrange(1, 300)),
        "twice": data + data,
        "nested": b"[" * 100_000,
        "long": b" " * 200_000 + data,
        "no object": json.dumps(choice.choice(ODD)).encode(),
        "half a surrogate pair": json.dumps({**whole, "pid": "\ud83d"}).encode(),
    }
    for name in whole:
        contents[f"without {name}"] = json.dumps({key: whole[key] for key in whole if key != name}).encode()
        odd = choice.choice([value for value in ODD if type(value) is not type(whole[name])])
        contents[f"{name} is {odd!r}"] = json.dumps({**whole, name: odd}).encode()
    contents["one field more"] = json.dumps({**whole, "more": 1}).encode()
    made: dict[str, Damage] = {name: _writing(content) for name, content in contents.items()}
    return made | {
        "dangling link": lambda path: path.symlink_to("nowhere"),
        "endless link": lambda path: path.symlink_to("/dev/zero"),
        "link to itself": lambda path: path.symlink_to(path.name),
        "pipe": os.mkfifo,
        "directory": Path.mkdir,
    }


def _writing(content: bytes) -> Damage:
    return lambda path: path.write_bytes(content)
