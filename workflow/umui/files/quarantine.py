"""Damaged files: named and, where the workflow made them, set aside, so that the same command makes them anew."""

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

RESULTS = "results"  # all that the workflow makes is there, in the working directory
SUFFIX = ".damaged"
OF_A_RULE = ".snakemake_timestamp"  # stands in each directory that Snakemake knows as a whole


@contextmanager
def set_aside_if_damaged(file: Path, form: str) -> Iterator[None]:
    """Raise ValueError, which says what to do, when what the block reads of a file shows it to be damaged.

    Faults of the system, unlike those of a file's content, have a number, and are raised as they are.
    """
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file)) from None
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        said = " ".join(str(error).split())  # on one line
        what_now = set_aside([file], "replace it and run again")
        raise ValueError(f"{file}: cannot be read as {form} ({said}); {what_now}") from error


def set_aside(files: Sequence[Path], by_hand: str) -> str:
    """Set damaged files aside and return what to do now; what is not the workflow's own stays, and is mended `by_hand`.

    The workflow's own is what lies below ``results/`` of the working directory.  It is renamed to NAME.damaged, in the
    place of an older one; a file in a directory that one rule makes takes the directory with it.  The next run misses
    it and makes it again.
    """
    if not all(_is_made_here(file) for file in files):
        return by_hand
    named = " and ".join(str(_renamed(file)) for file in files)
    return f"set aside as {named}; the same command run again makes it anew"


def _is_made_here(file: Path) -> bool:
    """Go by the name alone: a link in ``results/`` may be renamed, whatever it leads to."""
    return ".." not in file.parts and file.absolute().is_relative_to(Path.cwd() / RESULTS)


def _renamed(file: Path) -> Path:
    output = next((parent for parent in file.parents if (parent / OF_A_RULE).exists()), file)
    aside = output.with_name(output.name + SUFFIX)
    with suppress(FileNotFoundError):  # another stage has found the same fault at the same time
        if output.is_dir():
            shutil.rmtree(aside, ignore_errors=True)  # no directory takes the place of another
        output.replace(aside)
    return aside
