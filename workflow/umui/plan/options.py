"""How names, titles and files stand in rules: quoted in shell lines, so that none breaks out, and in patterns."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence


def repeated(option: str, rows: Iterable[Sequence[str]]) -> str:
    """Return the option before each row of its values, as words of a shell line."""
    return " ".join(shlex.join([option, *row]) for row in rows)


def named_files(option: str, files: Mapping[str, Sequence[str]]) -> str:
    """Return the option before each name and the name's files, as words of a shell line."""
    return repeated(option, ([name, *of_name] for name, of_name in files.items()))


def any_of(names: Iterable[str]) -> str:
    """Return the constraint of a wildcard that is one of these names; without any, it is ``none``."""
    return "|".join(map(re.escape, names)) or "none"
