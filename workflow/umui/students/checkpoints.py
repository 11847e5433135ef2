"""Checkpoints from which a killed training goes on exactly where it was.

They are bound to the digest of all that changes the result, and each is complete or is not used: a note with the
digests of its files is written last.  The training log is kept as a journal beside them.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from umui.files.atomic import write_json, write_text
from umui.files.digests import digest_file

NOTE = "complete.json"
KEPT = 2


class Checkpoints:
    """The checkpoints and the journal of one training, in a directory named by the training's digest."""

    def __init__(self, directory: Path, digest: str) -> None:
        self.directory = directory / f"run-{digest[:16]}"
        self._journal = self.directory / "training_log.jsonl"

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
        files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != NOTE)
        write_json(path / NOTE, {"files": {str(file.relative_to(path)): digest_file(file) for file in files}})
        whole = [old for old in self._steps() if (self.directory / self.name(old) / NOTE).exists()]
        for old in whole[:-KEPT]:
            shutil.rmtree(self.directory / self.name(old))

    def latest(self) -> int:
        """Return the step of the latest whole checkpoint, or 0; tell of each that is skipped."""
        for step in reversed(self._steps()):
            fault = _fault(self.directory / self.name(step))
            if fault is None:
                return step
            print(f"{self.directory / self.name(step)}: {fault}; the checkpoint before it is used", flush=True)
        return 0

    def log(self, row: Mapping[str, Any]) -> None:
        """Add a step's row to the journal."""
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def cut_back(self, step: int) -> None:
        """Forget the journal's rows after `step`, and what a kill left of a row half written."""
        kept = [json.dumps(row) + "\n" for row in self.logged() if row["step"] <= step]
        write_text(self._journal, "".join(kept))

    def logged(self) -> list[dict[str, Any]]:
        """Return the journal's whole rows."""
        if not self._journal.exists():
            return []
        lines = self._journal.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def _steps(self) -> list[int]:
        return sorted(int(path.name.removeprefix("step-")) for path in self.directory.glob("step-*"))


def _fault(path: Path) -> str | None:
    """Return what is wrong with a checkpoint, or None."""
    note = path / NOTE
    if not note.exists():
        return "it was not written to its end"
    for name, digest in json.loads(note.read_text(encoding="utf-8"))["files"].items():
        if not (path / name).exists():
            return f"its file {name} is missing"
        if digest_file(path / name) != digest:
            return f"its file {name} has changed"
    return None
