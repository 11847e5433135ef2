"""What a store says of a result: which job made it, and the digest of every file."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from umui.files.digests import digest_json

FORMAT = 2
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    """A file of a result: its path relative to the working directory, its sha256 and its size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """A stored result.

    `depends_on` is all that the key was made of; `directories` are the outputs that are directories; `kept` are files
    beside the outputs; `producer` names the stage, the program's version and the machine's kind; `created` is a time in
    UTC.
    """

    key: str
    depends_on: Mapping[str, Any]
    files: tuple[StoredFile, ...]
    directories: tuple[str, ...]
    kept: tuple[StoredFile, ...]
    producer: Mapping[str, str]
    created: str

    @property
    def all_files(self) -> tuple[StoredFile, ...]:
        """Return the outputs' files, and what is kept beside them."""
        return self.files + self.kept

    @property
    def size(self) -> int:
        """Return the bytes of all files together."""
        return sum(file.size for file in self.all_files)

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON that carries its own digest."""
        body = {"format": FORMAT, **asdict(self)}
        return (json.dumps({**body, "digest": digest_json(body)}, indent=1) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Manifest":
        """Read a manifest.

        Raises ValueError when it is not whole, was changed, or names files outside the working directory.
        """
        try:
            body = json.loads(data)
            digest = body.pop("digest")
        except (ValueError, KeyError, AttributeError) as error:
            raise ValueError("it is not a whole manifest") from error
        if digest_json(body) != digest:
            raise ValueError("its digest is not that of its text")
        if body.pop("format") != FORMAT:
            raise ValueError(f"it has another format than {FORMAT}, this program's")
        files, kept = (tuple(StoredFile(**file) for file in body[name]) for name in ("files", "kept"))
        made = cls(**body | {"files": files, "kept": kept, "directories": tuple(body["directories"])})
        if digest_json(made.depends_on) != made.key:
            raise ValueError("its key is not that of what it depends on")
        if not all(SHA256.fullmatch(file.sha256) for file in made.all_files):
            raise ValueError("the name of a file is not a sha256")
        return made

    def check_belongs(self, outputs: list[str], keeps: list[str]) -> None:
        """Raise ValueError when a path is not one of a job's outputs or what it keeps, nor in an output's directory."""
        if unknown := set(self.directories) - set(outputs):
            raise ValueError(f"it names {sorted(unknown)}, which the job does not write")
        for file in self.files:
            path = PurePosixPath(file.path)
            within = any(str(parent) in self.directories for parent in path.parents)
            if ".." in path.parts or not (within or file.path in outputs):
                raise ValueError(f"it names {file.path}, which the job does not write")
        if unknown := {file.path for file in self.kept} - set(keeps):
            raise ValueError(f"it names {sorted(unknown)}, which the job does not keep")


def manifest_name(key: str) -> str:
    """Return where in a store the manifest of a key is."""
    return f"keys/{key}.json"


def object_name(sha256: str) -> str:
    """Return where in a store the bytes of a digest are."""
    return f"objects/{sha256[:2]}/{sha256}"


def key_of(name: str) -> str:
    """Return the key of a manifest's name."""
    return Path(name).stem
