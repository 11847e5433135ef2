"""Unpack archives from elsewhere: plain files alone, below one directory, no more of them than allowed."""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def unpack(archive: Path, into: Path, max_bytes: int, max_files: int) -> None:
    """Unpack a zip or tar archive as the directory `into`, which is there whole or not at all.

    A single directory that holds everything else is left off.  Raises ValueError, and leaves nothing, when the archive
    is damaged or of another kind, has names that lead elsewhere, links or devices, or more than is allowed.
    """
    part = into.with_name(f".{into.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        if tarfile.is_tarfile(archive):
            sizes = _untar(archive, part)
        elif zipfile.is_zipfile(archive):
            sizes = _unzip(archive, part)
        else:
            raise ValueError(f"{archive}: neither a zip nor a tar archive; unpack it by hand into {into}")
        _within_limits(archive, sizes, max_bytes, max_files)
        top = list(part.iterdir())
        (top[0] if len(top) == 1 and top[0].is_dir() else part).rename(into)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{archive}: damaged ({error}); delete it and fetch it again") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _within_limits(archive: Path, sizes: Iterator[int], max_bytes: int, max_files: int) -> None:
    """Go through members, each unpacked when the next is asked for; raise before one that is too much."""
    total = 0
    for number, size in enumerate(sizes, start=1):
        total += size
        if number > max_files or total > max_bytes:
            raise ValueError(
                f"{archive}: more than {max_files} files or {max_bytes} bytes; raise the limits if it may be"
            )


def _untar(archive: Path, into: Path) -> Iterator[int]:
    """Yield the size of each member before it is unpacked."""
    with tarfile.open(archive) as members:
        for member in members:
            _check_name(archive, member.name)
            if not (member.isreg() or member.isdir()):
                raise ValueError(f"{archive}: {member.name} is a link or a device; only files are unpacked")
            yield member.size
            members.extract(member, into, filter="data")


def _unzip(archive: Path, into: Path) -> Iterator[int]:
    """Yield the size of each member before it is unpacked; more than it announces is never written."""
    with zipfile.ZipFile(archive) as members:
        for member in members.infolist():
            _check_name(archive, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise ValueError(f"{archive}: {member.filename} is a link; only files are unpacked")
            if member.flag_bits & 1:
                raise ValueError(f"{archive}: {member.filename} is encrypted; unpack it by hand")
            yield member.file_size
            members.extract(member, into)


def _check_name(archive: Path, name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"{archive}: the name {name!r} leads out of the archive; nothing was unpacked")
