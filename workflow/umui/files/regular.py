"""Small files of which anything may have become: a pipe that never ends, a link to a device, terabytes."""

import os
import stat
from pathlib import Path


def read_regular(path: Path, most_bytes: int, follow: bool = True) -> bytes:
    """Return the bytes of a regular file of at most `most_bytes`; a pipe or device is not waited for.

    Raises FileNotFoundError when there is nothing, ValueError when it is something else or longer; a link is something
    else unless `follow`.
    """
    if not follow and path.is_symlink():
        raise ValueError("it is a link, not a file")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise ValueError(f"it has more than {most_bytes:,} bytes")
    return data
