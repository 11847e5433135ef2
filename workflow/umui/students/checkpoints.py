"""Checkpoints from which a killed training goes on exactly where it was.

They are bound to the digest of all that changes the result, and each is complete or is not used: a note with the
digests of its files is written last.  The training log is kept as a journal beside them, and each checkpoint holds a
copy of it, so that a damaged journal costs no row.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from umui.files.atomic import write_json, write_text
from umui.files.digests import digest_file
from umui.files.quarantine import SUFFIX
from umui.files.regular import read_regular
from umui.tables import TRAINING_LOG

NOTE, LOG = "complete.json", "training_log.jsonl"
NAMED = re.compile(r"step-(\d{8})")
KEPT = 2
MOST_NOTE_BYTES = 64_000_000
MOST_LOG_BYTES = 1_000_000_000


class Checkpoints:
    """The checkpoints and the journal of one training, in a directory named by the training's digest."""

    def __init__(self, directory: Path, digest: str) -> None:
        self.directory = directory / f"run-{digest[:16]}"
        self._journal = self.directory / LOG

    def prepare(self) -> None:
        """Make the directory, and tell of other trainings' checkpoints, which are left alone."""
        others = sorted(path for path in self.directory.parent.glob("run-*") if path != self.directory)
        if others:
            names = ", ".join(path.name for path in others)
            print(f"{self.directory.parent}: {names}: of other settings, data or bases, so not resumed from; "
                  "delete them to free their space", flush=True)  # fmt: skip
        self.directory.mkdir(parents=True, exist_ok=True)

    def name(self, step: int) -> str:
        """Return the name of the checkpoint after `step` steps."""
        return f"step-{step:08d}"

    def complete(self, step: int) -> None:
        """Note that the checkpoint after `step` steps is whole, and delete those beyond the last two."""
        path = self.directory / self.name(step)
        write_text(path / LOG, _as_lines(self.logged()))
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != NOTE)
        digests = {str(file.relative_to(path)): digest_file(file) for file in files}
        write_json(path / NOTE, {"files": digests, "step": step})
        whole = [old for old in self._steps() if (self.directory / self.name(old) / NOTE).exists()]
        for old in whole[:-KEPT]:
            shutil.rmtree(self.directory / self.name(old))

    def latest(self, last_step: int | None = None) -> int:
        """Return the step of the latest whole checkpoint, or 0; tell of each that is skipped.

        What is damaged is set aside.  None is later than `last_step`, the training's own.
        """
        steps = self._steps()
        while steps:
            step = steps.pop()
            path = self.directory / self.name(step)
            fault = _fault(path, step)
            if fault is None and last_step is not None and step > last_step:
                fault = f"the training ends after step {last_step}"
            if fault is None:
                return step
            instead = "the checkpoint before it is used" if steps else "the training begins anew"
            aside = f"; set aside as {_set_aside(path)}" if _exists(path / NOTE) else ""
            print(f"{path}: {fault}; {instead}{aside}", flush=True)
        return 0

    def reject(self, step: int) -> str:
        """Set a checkpoint aside that seemed whole, and turned out not to be; return its new name."""
        return _set_aside(self.directory / self.name(step))

    def log(self, row: Mapping[str, Any]) -> None:
        """Add a step's row to the journal."""
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def cut_back(self, step: int) -> None:
        """Forget the journal's rows after `step`, and what a kill left of a row half written.

        What else of it is damaged is told, and comes back from the checkpoint's copy.
        """
        rows = {row["step"]: row for row in self.logged() if row["step"] <= step}
        copy = self.directory / self.name(step) / LOG
        if step and copy.exists():
            rows = {row["step"]: row for row in _rows(copy)} | rows
        write_text(self._journal, _as_lines([rows[number] for number in sorted(rows)]))

    def logged(self) -> list[dict[str, Any]]:
        """Return the journal's whole rows, each step's once; tell of each line that is none."""
        return list(_rows(self._journal))

    def _steps(self) -> list[int]:
        """Return the steps of what has a checkpoint's name and is a directory, in order."""
        found = [(path, NAMED.fullmatch(path.name)) for path in self.directory.glob("step-*") if path.is_dir()]
        return sorted(int(named[1]) for path, named in found if named and not path.is_symlink())


def _rows(journal: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = read_regular(journal, MOST_LOG_BYTES).split(b"\n")
    except FileNotFoundError:
        return
    except ValueError as error:
        print(f"{journal}: {error}; its rows are lost", flush=True)
        return
    seen: set[int] = set()
    for number, line in enumerate(lines[:-1], start=1):  # the last one, without its end, is what a kill left
        try:
            row = json.loads(line)
            (checked,) = pa.Table.from_pylist([row], TRAINING_LOG.schema).to_pylist()
            if row.keys() != checked.keys() or None in checked.values() or checked["step"] in seen:
                raise ValueError("its fields or its step are not those of a new row")
        except (ValueError, TypeError, AttributeError, RecursionError, pa.ArrowException) as error:
            print(f"{journal}: line {number} is not a row of the training log ({error}); left out", flush=True)
            continue
        seen.add(checked["step"])
        yield row


def _as_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _set_aside(path: Path) -> str:
    """Rename a checkpoint in the place of an older one that was set aside; return its new name."""
    aside = path.with_name(path.name + SUFFIX)
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    return aside.name


def _fault(path: Path, step: int) -> str | None:
    """Return what is wrong with the checkpoint after `step` steps, or None."""
    note = path / NOTE
    if not _exists(note):
        return "it was not written to its end"
    try:
        said = json.loads(read_regular(note, MOST_NOTE_BYTES))
        digests, noted = dict(said["files"]), said.get("step", step)  # earlier versions noted no step
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        return f"its note {NOTE} is damaged"
    if noted != step:
        return f"its note {NOTE} is that of step {noted!r}"
    there = {str(file.relative_to(path)): file for file in path.rglob("*") if file.is_file()}
    if not digests or any(name not in digests for name in there if name.endswith(".pt")):
        return f"its note {NOTE} does not name all of its files"
    for name, digest in digests.items():
        if name not in there:
            return f"its file {name} is missing"
        if digest_file(there[name]) != digest:
            return f"its file {name} has changed"
    return None
