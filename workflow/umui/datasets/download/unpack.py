"""Unpack archives from elsewhere: plain files alone, below one directory, no more of them than allowed."""

import bz2
import errno
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

STREAMS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x5d\x00\x00": lzma.open,
}
LARGEST_PIECE_BYTES = 2**24  # that is read at once; only a forged header asks for more
SPARE_BYTES = 2**24  # beside the files: headers, and zeros at the end
OURS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}  # the disk's faults
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError, KeyError,
    IndexError, OverflowError, RecursionError, NotImplementedError, RuntimeError, MemoryError,
)  # fmt: skip
"""What the libraries raise at damage; a message of theirs has no file's name."""


class RefusedError(ValueError):
    """An archive that is not unpacked; the message names it and the reason."""


def unpack(archive: Path, into: Path, max_bytes: int, max_files: int) -> None:
    """Unpack a zip or tar archive as the directory `into`, which is there whole or not at all.

    A single directory that holds everything else is left off.  Raises ValueError, and leaves nothing, when the archive
    is damaged, holds no file or is of another kind, has names that lead elsewhere, links or devices, or more than is
    allowed.  What is compressed has a checksum, which is held; a plain tar has none of its data.
    """
    part = into.with_name(f".{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _unpack(archive, part, max_bytes, max_files)
        top = list(part.iterdir())
        (top[0] if len(top) == 1 and top[0].is_dir() else part).rename(into)
    except RefusedError:
        raise
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno in OURS:
            raise
        said = str(error) or type(error).__name__
        raise RefusedError(f"{archive}: damaged ({said}); delete it and fetch it again") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack(archive: Path, part: Path, max_bytes: int, max_files: int) -> None:
    with _Stream(archive, max_bytes + SPARE_BYTES) as stream:
        if stream.is_tar():
            sizes = _untar(archive, stream, part)
        elif zipfile.is_zipfile(archive):
            sizes = _unzip(archive, part)
        else:
            said = "damaged, or " if stream.is_compressed else ""
            raise RefusedError(
                f"{archive}: {said}neither a zip nor a tar archive; unpack it by hand into {part.parent}"
            )
        _within_limits(archive, sizes, max_bytes, max_files)
    if not any(path.is_file() for path in part.rglob("*")):
        raise RefusedError(f"{archive}: holds no file; delete it and fetch it again")


def _within_limits(archive: Path, sizes: Iterator[int], max_bytes: int, max_files: int) -> None:
    """Go through members, each unpacked when the next is asked for; raise before one that is too much."""
    total = 0
    for number, size in enumerate(sizes, start=1):
        total += size
        if number > max_files or total > max_bytes:
            raise RefusedError(
                f"{archive}: more than {max_files} files or {max_bytes} bytes; raise the limits if it may be"
            )


class _Stream:
    """A tar archive as it is when it is no longer compressed; it is read in pieces, and no further than allowed."""

    def __init__(self, archive: Path, max_bytes: int) -> None:
        self._archive, self._max_bytes = archive, max_bytes
        with archive.open("rb") as file:
            start = file.read(6)
        opener = next((STREAMS[magic] for magic in STREAMS if start.startswith(magic)), None)
        self.is_compressed = opener is not None
        self._file: IO[bytes] = opener(archive, "rb") if opener else archive.open("rb")

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def is_tar(self) -> bool:
        """Whether the first header is one of a tar archive."""
        try:
            with tarfile.open(fileobj=cast("IO[bytes]", self), mode="r:"):
                return True
        except (*DAMAGE, OSError) as error:
            if isinstance(error, RefusedError):
                raise
            return False
        finally:
            self.seek(0)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_PIECE_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        if self._file.tell() + size > self._max_bytes:
            raise RefusedError(
                f"{self._archive}: more than {self._max_bytes} bytes when unpacked; raise the limits if it may be"
            )
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()


def _untar(archive: Path, stream: _Stream, into: Path) -> Iterator[int]:
    """Yield the size of each member before it is unpacked; then read on to the end, where the checksum is."""
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r:") as members:
        for member in members:
            _check_name(archive, member.name)
            if not (member.isreg() or member.isdir()):
                raise RefusedError(f"{archive}: {member.name} is a link or a device; only files are unpacked")
            yield member.size
            members.extract(member, into, filter="data")
        end = members.offset
    # The library takes a header that it cannot read for the end, at which there are zeros alone.
    stream.seek(end)
    rest = 0
    while piece := stream.read(tarfile.RECORDSIZE):
        if piece.strip(b"\0"):
            raise tarfile.ReadError(f"no header at byte {end + rest}")
        rest += len(piece)
    if rest < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it is cut off")


def _unzip(archive: Path, into: Path) -> Iterator[int]:
    """Yield the size of each member before it is unpacked; more than it announces is never written."""
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            _check_name(archive, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise RefusedError(f"{archive}: {member.filename} is a link; only files are unpacked")
            if member.flag_bits & 1:
                raise RefusedError(f"{archive}: {member.filename} is encrypted; unpack it by hand")
            yield member.file_size
            members.extract(member, into)


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise RefusedError(f"{archive}: the name {name!r} leads out of the archive; nothing was unpacked")
