"""What may become of a store: manifests of any shape, pipes, links and gigabytes in the place of files."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from umui.files.digests import digest_json

Damage = Callable[[Path], object]
SPARSE_BYTES = 8 << 30
ODD: list[Any] = [None, True, -1, 1.5, "", "\0", "../outside", "a//b", "/etc/passwd", [], {}, [[]], [None], {"a": 1}]
HARMLESS = [("kept", []), ("kept", {}), ("created", "../outside"), ("created", "a//b"), ("created", "/etc/passwd"),
            ("created", "")]  # fmt: skip


def damages(seed: int) -> dict[str, Damage]:
    """Return ways to spoil a store of one result, by name; each takes the store's directory."""
    choice = random.Random(f"stores {seed}")
    made: dict[str, Damage] = {
        "manifest is nested": _written(b'{"digest": "", "a": ' + b"[" * 100_000),
        "manifest is noise": _written(choice.randbytes(300)),
        "manifest is empty": _written(b""),
        "manifest has a half surrogate pair": _written(b'{"digest": "", "format": "\\ud83d"}'),
        "manifest is sparse": lambda store: os.truncate(manifest(store), SPARSE_BYTES),
        "object is sparse": lambda store: os.truncate(largest(store), SPARSE_BYTES),
    }
    for value in ODD:
        made[f"manifest is {value!r}"] = _written(json.dumps(value).encode())
    for field in ("key", "depends_on", "files", "directories", "kept", "producer", "created", "format"):
        made[f"without {field}"] = _signed(lambda body, field=field: body.pop(field))
        for value in choice.sample(ODD, 4):
            if (field, value) not in HARMLESS:
                made[f"{field} is {value!r}"] = _signed(lambda body, f=field, v=value: body.update({f: v}))
    for field in ("path", "sha256", "size"):
        made[f"file without {field}"] = _signed(lambda body, f=field: body["files"][0].pop(f))
        for value in choice.sample(ODD, 4):
            made[f"{field} of a file is {value!r}"] = _signed(
                lambda body, f=field, v=value: body["files"][0].update({f: v})
            )
    made["file that stands twice"] = _signed(lambda body: body["files"].append(body["files"][0]))
    made["file in a file"] = _signed(
        lambda body: body["files"].append({**body["files"][1], "path": f"{body['files'][1]['path']}/more"})
    )
    for name, place in (("manifest", manifest), ("object", largest)):
        made[f"{name} is a pipe"] = _replaced(place, os.mkfifo)
        made[f"{name} is an endless link"] = _replaced(place, lambda path: path.symlink_to("/dev/zero"))
        made[f"{name} is a link to itself"] = _replaced(place, lambda path: path.symlink_to(path.name))
        made[f"{name} is a directory"] = _replaced(place, Path.mkdir)
    made["objects are a file"] = lambda store: (shutil.rmtree(store / "objects"), (store / "objects").touch())
    made["keys are a file"] = lambda store: (shutil.rmtree(store / "keys"), (store / "keys").touch())
    return made


def manifest(store: Path) -> Path:
    """Return the only manifest of a store."""
    (file,) = (store / "keys").iterdir()
    return file


def largest(store: Path) -> Path:
    """Return the largest object of a store."""
    return max(
        (path for path in (store / "objects").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size
    )


def _written(data: bytes) -> Damage:
    return lambda store: manifest(store).write_bytes(data)


def _signed(change: Callable[[dict[str, Any]], object]) -> Damage:
    """Change a manifest and sign it again."""

    def damage(store: Path) -> None:
        body = json.loads(manifest(store).read_text())
        body.pop("digest")
        change(body)
        manifest(store).write_text(json.dumps({**body, "digest": digest_json(body)}))

    return damage


def _replaced(place: Callable[[Path], Path], make: Callable[[Path], object]) -> Damage:
    def damage(store: Path) -> None:
        path = place(store)
        path.unlink()
        make(path)

    return damage
