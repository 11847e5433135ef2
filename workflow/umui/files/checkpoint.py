"""The identity of a model's directory."""

from collections.abc import Sequence
from pathlib import Path

from umui.files.digests import digest_file, digest_json


def checkpoint_digest(directory: Path, patterns: Sequence[str]) -> str:
    """Return the sha256 of the names and bytes of a directory's files that match one of the glob `patterns`."""
    files = sorted({file for pattern in patterns for file in directory.glob(pattern) if file.is_file()})
    return digest_json({file.name: digest_file(file) for file in files})
