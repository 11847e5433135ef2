"""A clone in which one job runs through the wrapper, and what may happen to the store that it uses."""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from umui.files.digests import digest_json
from umui.jobs.__main__ import main
from umui.store.manifest import Manifest

PACKAGE = Path(__file__).parents[3] / "workflow"
# What a stage is to the wrapper: it says that it ran, and writes a file and a directory.
STAGE = """
import pathlib, sys
pathlib.Path("ran").open("a").write("x")
given, output, directory = sys.argv[1:4]
text = pathlib.Path(given).read_text()
pathlib.Path(output).parent.mkdir(parents=True, exist_ok=True)
pathlib.Path(output).write_text(text * 1000)
pathlib.Path(directory, "inner").mkdir(parents=True, exist_ok=True)
pathlib.Path(directory, "inner", "weights").write_bytes(text.encode() * 5000)
pathlib.Path(directory, "config.json").write_text(text)
"""
OUTPUTS = ["results/table.txt", "results/model"]


class Clone:
    """A working directory in which one job is run, as a rule does."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.monkeypatch = path, monkeypatch
        path.mkdir()
        (path / "stage.py").write_text(STAGE)
        (path / "input.txt").write_text("words ")

    def run(
        self, *extra: str, code: str = "c", environment: str = "e", workers: int = 1, keeps: Sequence[str] = ()
    ) -> int:
        """Run the job with fresh outputs; return how often the stage itself was executed."""
        for output in OUTPUTS:
            shutil.rmtree(self.path / output, ignore_errors=True)
            if (self.path / output).is_file():
                (self.path / output).unlink()
        (self.path / "ran").unlink(missing_ok=True)
        assert self.run_as_it_is(*extra, code=code, environment=environment, workers=workers, keeps=keeps) == 0
        assert (self.path / OUTPUTS[0]).read_text() == (self.path / "input.txt").read_text() * 1000
        assert (self.path / "results/model/inner/weights").stat().st_size == 30000
        ran = self.path / "ran"
        return len(ran.read_text()) if ran.exists() else 0

    def run_as_it_is(
        self, *extra: str, code: str = "c", environment: str = "e", workers: int = 1, keeps: Sequence[str] = ()
    ) -> int:
        """Run the job beside what outputs there are; return its exit code."""
        self.monkeypatch.chdir(self.path)
        job = ["--code", code, "--environment", environment, "--inputs", "input.txt", "--outputs", *OUTPUTS]
        job += ["--keeps", *keeps] if keeps else []
        command = [sys.executable, "stage.py", "input.txt", *OUTPUTS, "--workers", str(workers), *extra]
        return main([*job, "--", *command])


def manifest_of(shared: Path) -> Manifest:
    (file,) = (shared / "keys").iterdir()
    return Manifest.from_bytes(file.read_bytes())


def objects(shared: Path) -> list[Path]:
    return sorted(path for path in (shared / "objects").rglob("*") if path.is_file())


def damage_object(shared: Path) -> None:
    file = objects(shared)[0]
    file.write_bytes(b"X" + file.read_bytes()[1:])


def truncate_object(shared: Path) -> None:
    file = objects(shared)[-1]
    file.write_bytes(file.read_bytes()[:-1])


def remove_object(shared: Path) -> None:
    objects(shared)[0].unlink()


def truncate_manifest(shared: Path) -> None:
    (file,) = (shared / "keys").iterdir()
    file.write_bytes(file.read_bytes()[:-20])


def edit_manifest(shared: Path) -> None:
    (file,) = (shared / "keys").iterdir()
    file.write_text(file.read_text().replace('"results/model/config.json"', '"results/model/other.json"'))


def swap_manifest(shared: Path) -> None:
    """A whole manifest of other results stands under the key, and leads out of the job's outputs."""
    (file,) = (shared / "keys").iterdir()
    body = json.loads(file.read_text())
    body.pop("digest")
    body["files"][0]["path"] = "../outside"
    body["digest"] = digest_json(body)
    file.write_text(json.dumps(body))


DAMAGES = [damage_object, truncate_object, remove_object, truncate_manifest, edit_manifest, swap_manifest]
