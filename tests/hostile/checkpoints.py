"""What may become of a training's checkpoints and journal."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Damage = Callable[[Path], object]
NOTES: list[Any] = [
    None, [], 1, "", {}, {"files": {}}, {"files": []}, {"files": None}, {"files": {"state.pt": 1}},
    {"files": {"../../state.pt": "0" * 64}}, {"files": {"\0": "0" * 64}}, {"files": [[[], []]]},
]  # fmt: skip
ODD: list[Any] = [None, True, -1, 1.5, "x", [], {}]


def checkpoint_damages(seed: int) -> dict[str, Damage]:
    """Return ways to spoil a whole checkpoint, by name; each takes its directory, which holds `state.pt`."""
    choice = random.Random(f"checkpoints {seed}")
    contents = {json.dumps(note): json.dumps(note).encode() for note in NOTES}
    contents |= {"empty": b"", "binary": choice.randbytes(200), "nested": b'{"files": ' + b"[" * 100_000}
    made = {f"note is {name}": _note(content) for name, content in contents.items()}
    return made | {
        "note is cut": lambda path: os.truncate(path / "complete.json", choice.randrange(1, 60)),
        "note is a pipe": lambda path: ((path / "complete.json").unlink(), os.mkfifo(path / "complete.json")),
        "note is a link": lambda path: ((path / "complete.json").unlink(), (path / "complete.json").symlink_to("no")),
        "note is endless": lambda path: (
            (path / "complete.json").unlink(), (path / "complete.json").symlink_to("/dev/zero")
        ),
        "state is cut": lambda path: os.truncate(path / "state.pt", choice.randrange(100)),
        "state is gone": lambda path: (path / "state.pt").unlink(),
        "state is a pipe": lambda path: ((path / "state.pt").unlink(), os.mkfifo(path / "state.pt")),
        "another file": lambda path: (path / "more.pt").write_bytes(b"x"),
        "copy of another": lambda path: (shutil.rmtree(path), shutil.copytree(path.with_name("step-00000005"), path)),
    }  # fmt: skip


def strays(directory: Path) -> None:
    """Put beside checkpoints what looks a little like one."""
    for name in ("step-old", "step-00000006 (copy)", "step-", "step-7", "step--0000001", "step-00000010.damaged"):
        (directory / name).mkdir()
    (directory / "step-00000099").touch()
    (directory / "step-00000098").symlink_to("step-00000005")


def lines(seed: int, row: dict[str, Any]) -> list[bytes]:
    """Return lines of a journal that are no rows of it; `row` is one that is."""
    choice = random.Random(f"journal {seed}")
    whole = json.dumps(row).encode()
    made = [
        b"",
        b"\0" * 50,
        b"[" * 100_000,
        whole[: choice.randrange(1, len(whole) - 1)],
        choice.randbytes(40),
        whole * 2,
    ]
    made += [json.dumps(value).encode() for value in ODD]
    made += [json.dumps({**row, name: choice.choice([[], {}, None, "x" if name != "modality" else 1])}).encode()
             for name in row]  # fmt: skip
    made += [json.dumps({key: row[key] for key in row if key != name}).encode() for name in row]
    made.append(json.dumps({**row, "more": 1}).encode())
    return [line.replace(b"\n", b" ") for line in made]


def _note(content: bytes) -> Damage:
    return lambda path: (path / "complete.json").write_bytes(content)
