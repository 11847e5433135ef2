"""Where a store is: a directory, or a bucket of S3.  Names in it are relative, with slashes."""

import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from umui.files.regular import read_regular

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo

PIECE_BYTES = 8 << 20
PART = ".part-"  # in the name of a file that is being written
CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S, ATTEMPTS = 10, 60, 4  # of requests to S3
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Entry:
    """A file of a store: its name, its size and the time since it was written."""

    name: str
    size: int
    age_s: float


class Place(Protocol):
    """What a store needs of its place.  All methods raise OSError when the place fails them."""

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return a small file's bytes.

        Raises FileNotFoundError when there is none, ValueError when it is longer or no regular file.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""

    def fetch(self, name: str, target: Path, size: int) -> None:
        """Copy a file of the store to a local path.

        Raises FileNotFoundError when there is none, ValueError when it has another size in bytes or is no regular file.
        """

    def put(self, source: Path, name: str) -> None:
        """Copy a local file into the store, whole or not at all where the place can promise it."""

    def entry(self, name: str) -> Entry | None:
        """Return what is known of a file, or null when there is none."""

    def entries(self, below: str) -> Iterator[Entry]:
        """Yield all files below a name, those being written included."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no fault."""


def place(name: str) -> Place:
    """Return the place that the setting `store` names: ``s3://BUCKET/PREFIX``, or a directory."""
    if not name.startswith("s3://"):
        return Directory(Path(name))
    bucket, _, prefix = name.removeprefix("s3://").partition("/")
    return Bucket(bucket, prefix.strip("/"))


class Directory:
    """A directory, possibly on a file system that several machines share.

    Files are copied, never linked: an output that is changed in place must not change the store.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str, most_bytes: int) -> bytes:
        return read_regular(self.root / name, most_bytes)

    def write(self, name: str, data: bytes) -> None:
        with self._appearing(name) as part:
            part.write_bytes(data)

    def fetch(self, name: str, target: Path, size: int) -> None:
        status = (self.root / name).stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        _check_size(status.st_size, size)
        _copy(self.root / name, target)

    def put(self, source: Path, name: str) -> None:
        with self._appearing(name) as part:
            _copy(source, part)

    def entry(self, name: str) -> Entry | None:
        try:
            status = (self.root / name).stat()
        except FileNotFoundError:
            return None
        return Entry(name, status.st_size, time.time() - status.st_mtime)

    def entries(self, below: str) -> Iterator[Entry]:
        for path in sorted((self.root / below).rglob("*")):
            found = self.entry(str(path.relative_to(self.root))) if path.is_file() else None
            if found is not None:
                yield found

    def remove(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)

    @contextmanager
    def _appearing(self, name: str) -> Iterator[Path]:
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}{PART}{secrets.token_hex(8)}")
        try:
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


def _check_size(found: int, wanted: int) -> None:
    """Raise ValueError before anything is copied: a store may hold more than the disk has room for."""
    if found != wanted:
        raise ValueError(f"{found} bytes, expected {wanted}")


def _copy(source: Path, target: Path) -> None:
    """Copy a file's bytes, sharing them on disk where the file system can."""
    with source.open("rb") as reading, target.open("wb") as writing:
        try:
            while os.copy_file_range(reading.fileno(), writing.fileno(), 1 << 30):
                pass
        except OSError:  # between file systems that cannot, and in some containers
            reading.seek(0)
            writing.seek(0)
            writing.truncate()
            shutil.copyfileobj(reading, writing, PIECE_BYTES)


class Bucket:
    """A prefix of an S3 bucket.  Credentials come from the environment alone, in the variables that all S3 tools read.

    A file appears when its upload ends.  That of a killed writer never does; that of one that was stopped midway may be
    short, which its digest shows.
    """

    def __init__(self, bucket: str, prefix: str) -> None:
        from pyarrow import fs  # a store in a directory does without it

        endpoint = next((os.environ[name] for name in ENDPOINT_VARIABLES if os.environ.get(name)), None)
        parts = urlsplit(endpoint) if endpoint else None
        self._root = f"{bucket}/{prefix}" if prefix else bucket
        self._files = fs.S3FileSystem(
            endpoint_override=parts.netloc if parts else None,
            scheme=parts.scheme if parts else "https",
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
            connect_timeout=CONNECT_TIMEOUT_S,
            request_timeout=REQUEST_TIMEOUT_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
        )

    def read(self, name: str, most_bytes: int) -> bytes:
        with self._files.open_input_stream(self._path(name)) as stream:
            data: bytes = stream.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise ValueError(f"it has more than {most_bytes:,} bytes")
        return data

    def write(self, name: str, data: bytes) -> None:
        with self._files.open_output_stream(self._path(name)) as stream:
            stream.write(data)

    def fetch(self, name: str, target: Path, size: int) -> None:
        there = self.entry(name)
        if there is None:
            raise FileNotFoundError(name)
        _check_size(there.size, size)
        with self._files.open_input_stream(self._path(name)) as stream, target.open("wb") as file:
            shutil.copyfileobj(stream, file, PIECE_BYTES)

    def put(self, source: Path, name: str) -> None:
        with source.open("rb") as file, self._files.open_output_stream(self._path(name)) as stream:
            shutil.copyfileobj(file, stream, PIECE_BYTES)

    def entry(self, name: str) -> Entry | None:
        info = self._files.get_file_info(self._path(name))
        return self._entry(info) if info.is_file else None

    def entries(self, below: str) -> Iterator[Entry]:
        from pyarrow import fs

        chosen = fs.FileSelector(self._path(below), recursive=True, allow_not_found=True)
        yield from (self._entry(info) for info in self._files.get_file_info(chosen) if info.is_file)

    def remove(self, name: str) -> None:
        if self.entry(name) is not None:
            self._files.delete_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _entry(self, info: "FileInfo") -> Entry:
        name = info.path.removeprefix(f"{self._root}/")
        return Entry(name, info.size, time.time() - info.mtime.timestamp())
