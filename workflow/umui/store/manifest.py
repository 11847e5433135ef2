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
MOST_BYTES = 64_000_000  # of a manifest: some 300,000 files
NOT_WHOLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # what reading any other JSON raises


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
            is_whole, form = digest_json(body) == digest, body.pop("format")
        except NOT_WHOLE as error:
            raise ValueError("it is not a whole manifest") from error
        if not is_whole:
            raise ValueError("its digest is not that of its text")
        if form != FORMAT:
            raise ValueError(f"it has another format than {FORMAT}, this program's")
        try:
            files, kept = (tuple(StoredFile(**file) for file in body[name]) for name in ("files", "kept"))
            made = cls(**body | {"files": files, "kept": kept, "directories": tuple(body["directories"])})
            made._check_types()
        except NOT_WHOLE as error:
            raise ValueError(f"its fields are not those of a manifest ({error})") from error
        if digest_json(made.depends_on) != made.key:
            raise ValueError("its key is not that of what it depends on")
        return made

    def _check_types(self) -> None:
        """Raise ValueError naming a field that no writer fills in this way."""
        words = {**self.producer, "created": self.created, "key": self.key}  # TypeError where it is no mapping
        for name, word in words.items():
            if type(word) is not str or not word.isprintable():
                raise ValueError(name)
        if type(self.depends_on) is not dict or "stage" not in self.producer:
            raise ValueError("depends_on or producer")
        for path in (*self.directories, *(file.path for file in self.all_files)):
            if type(path) is not str or not _is_plain(path):
                raise ValueError(f"the path {path!r}")
        for file in self.all_files:
            if type(file.size) is not int or file.size < 0 or not SHA256.fullmatch(file.sha256):
                raise ValueError(f"size or sha256 of {file.path!r}")
        paths = [*self.directories, *(file.path for file in self.all_files)]
        if len(set(paths)) != len(paths):
            raise ValueError("a path stands twice")
        files = {file.path for file in self.all_files}
        if within := [path for path in paths if any(str(parent) in files for parent in PurePosixPath(path).parents)]:
            raise ValueError(f"{min(within)!r} lies in a file")

    def check_belongs(self, outputs: list[str], keeps: list[str]) -> None:
        """Raise ValueError when a path is not one of a job's outputs or what it keeps, nor in an output's directory."""
        if unknown := set(self.directories) - set(outputs):
            raise ValueError(f"it names {sorted(unknown)}, which the job does not write")
        for file in self.files:
            path = PurePosixPath(file.path)
            within = any(str(parent) in self.directories for parent in path.parents)
            if ".." in path.parts or not (within or file.path in outputs):
                raise ValueError(f"it names {file.path!r}, which the job does not write")
        if unknown := {file.path for file in self.kept} - set(keeps):
            raise ValueError(f"it names {sorted(unknown)}, which the job does not keep")


def _is_plain(path: str) -> bool:
    """Say whether a path is written as this program writes paths, and can be one."""
    return "\0" not in path and path not in ("", ".") and str(PurePosixPath(path)) == path


def manifest_name(key: str) -> str:
    """Return where in a store the manifest of a key is."""
    return f"keys/{key}.json"


def object_name(sha256: str) -> str:
    """Return where in a store the bytes of a digest are."""
    return f"objects/{sha256[:2]}/{sha256}"


def key_of(name: str) -> str:
    """Return the key of a manifest's name."""
    return Path(name).stem
