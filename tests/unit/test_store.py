"""The store: keys follow what matters, what is taken is verified, and what is damaged is made again."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from umui import artifacts
from umui.jobs import maintenance, store
from umui.jobs.__main__ import main
from umui.jobs.manifest import Manifest, manifest_name, object_name
from umui.jobs.places import Bucket, Directory, Place, place

PACKAGE = Path(__file__).parents[2] / "workflow"
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

    def run(self, *extra: str, code: str = "c", environment: str = "e", workers: int = 1) -> int:
        """Run the job with fresh outputs; return how often the stage itself was executed."""
        for output in OUTPUTS:
            shutil.rmtree(self.path / output, ignore_errors=True)
            if (self.path / output).is_file():
                (self.path / output).unlink()
        (self.path / "ran").unlink(missing_ok=True)
        self.monkeypatch.chdir(self.path)
        job = ["--code", code, "--environment", environment, "--inputs", "input.txt", "--outputs", *OUTPUTS]
        command = [sys.executable, "stage.py", "input.txt", *OUTPUTS, "--workers", str(workers), *extra]
        assert main([*job, "--", *command]) == 0
        assert (self.path / OUTPUTS[0]).read_text() == (self.path / "input.txt").read_text() * 1000
        assert (self.path / "results/model/inner/weights").stat().st_size == 30000
        ran = self.path / "ran"
        return len(ran.read_text()) if ran.exists() else 0


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store in a directory, open for writing."""
    monkeypatch.setenv("UMUI_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    return tmp_path / "store"


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: Path) -> Clone:
    """A clone that has run the job and stored its result."""
    clone = Clone(tmp_path / "one", monkeypatch)
    assert clone.run() == 1
    return clone


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: Clone) -> Clone:
    """A second clone, at another path."""
    (tmp_path / "another").mkdir()
    return Clone(tmp_path / "another" / "two", monkeypatch)


def manifest_of(shared: Path) -> Manifest:
    (file,) = (shared / "keys").iterdir()
    return Manifest.from_bytes(file.read_bytes())


def objects(shared: Path) -> list[Path]:
    return sorted(path for path in (shared / "objects").rglob("*") if path.is_file())


def test_a_second_clone_executes_nothing(two: Clone, capfd: pytest.CaptureFixture[str]) -> None:
    assert two.run() == 0
    assert "store: found, verified (3 files, 0.0 MB)" in capfd.readouterr().err
    assert (two.path / "results/table.txt").stat().st_mode & 0o777 == 0o666 & ~artifacts._umask()


def test_what_changes_no_result_is_not_in_the_key(two: Clone) -> None:
    os.utime(two.path / "input.txt", (1, 1))
    assert two.run(workers=8) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"extra": ("--dataset", "b")},  # a wildcard, or a setting: both are words of the command
        {"code": "d"},
        {"environment": "other lock"},
    ],
)
def test_what_changes_a_result_is_in_the_key(two: Clone, change: dict[str, Any]) -> None:
    assert two.run(*change.pop("extra", ()), **change) == 1


def test_an_input_counts_by_content_whatever_its_times(two: Clone) -> None:
    times = (two.path / "input.txt").stat()
    (two.path / "input.txt").write_text("WORDS ")
    os.utime(two.path / "input.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert two.run() == 1


def test_jobs_that_differ_in_a_wildcard_alone_never_share(one: Clone) -> None:
    """Snakemake's own cache names an entry by its shell line before wildcards are filled in."""
    assert one.run("--judge", "a") == 1
    assert one.run("--judge", "b") == 1
    assert one.run("--judge", "a") == 0


def test_the_code_of_an_imported_module_is_in_the_key(two: Clone, tmp_path: Path) -> None:
    """Snakemake's own cache knows the shell line alone, and fetches what older code has made."""
    package = tmp_path / "copy" / "umui"
    shutil.copytree(PACKAGE / "umui", package, ignore=shutil.ignore_patterns("__pycache__"))
    asked = "import sys; from umui.artifacts import source_digest; print(source_digest('umui.evaluation.evaluating'))"

    def digest() -> str:
        command = [sys.executable, "-c", asked]
        return subprocess.run(
            command, env=os.environ | {"PYTHONPATH": str(package.parent)}, capture_output=True, text=True, check=True
        ).stdout.strip()

    before = digest()
    imported = package / "evaluation" / "metrics.py"
    imported.write_text(imported.read_text() + "\nEDITED = True\n")
    assert two.run(code=before) == 1
    assert two.run(code=digest()) == 1
    assert two.run(code=before) == 0


def test_directories_count_by_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/weights").write_bytes(b"1" * 2_000_000)
    before = store.digest_of(tmp_path / "model", tmp_path / "known")
    (tmp_path / "model/.cache").write_text("when it was fetched")
    assert store.digest_of(tmp_path / "model", tmp_path / "known") == before
    shutil.copytree(tmp_path / "model", tmp_path / "elsewhere")
    assert store.digest_of(tmp_path / "elsewhere", tmp_path / "known") == before
    (tmp_path / "model/weights").write_bytes(b"2" * 2_000_000)
    changed = store.digest_of(tmp_path / "model", tmp_path / "known")
    assert changed != before
    (tmp_path / "model/weights").rename(tmp_path / "model/other")
    assert store.digest_of(tmp_path / "model", tmp_path / "known") not in {before, changed}


def test_a_large_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, known = tmp_path / "large", tmp_path / "known"
    file.write_bytes(b"1" * 2_000_000)
    monkeypatch.setattr("umui.jobs.digests.SETTLED_S", 0.0)
    time.sleep(0.01)
    first = store.digest_of(file, known)
    monkeypatch.setattr("umui.jobs.digests.read_digest", lambda path: "read again")
    assert store.digest_of(file, known) == first
    os.utime(file, (1, 1))
    assert store.digest_of(file, known) == "read again"


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
    body["digest"] = artifacts.digest_json(body)
    file.write_text(json.dumps(body))


DAMAGES = [damage_object, truncate_object, remove_object, truncate_manifest, edit_manifest, swap_manifest]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_reported_and_made_again(
    two: Clone, shared: Path, damage: Callable[[Path], None], capfd: pytest.CaptureFixture[str]
) -> None:
    damage(shared)
    assert two.run() == 1
    assert "store: damaged, removed: " in capfd.readouterr().err
    assert not (two.path.parent / "outside").exists()
    assert two.run() == 0, "the writer has mended it"


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_reader_reports_damage_and_leaves_it(
    two: Clone, shared: Path, damage: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("UMUI_STORE_ACCESS", "read")
    assert two.run() == 0, "a reader takes what is there"
    damage(shared)
    before = {path: path.read_bytes() for path in shared.rglob("*") if path.is_file()}
    assert two.run() == 1
    assert "store: damaged, left for a writer to remove: " in capfd.readouterr().err
    assert {path: path.read_bytes() for path in shared.rglob("*") if path.is_file()} == before


def test_a_reader_writes_nothing(one: Clone, shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UMUI_STORE_ACCESS", "read")
    before = sorted(shared.rglob("*"))
    assert one.run("--other") == 1
    assert sorted(shared.rglob("*")) == before


def test_a_writer_without_permission_keeps_its_result(
    one: Clone, shared: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "objects")

    monkeypatch.setattr(Directory, "write", refuse)
    assert one.run("--other") == 1
    assert "store: not stored: [Errno 13] Permission denied" in capfd.readouterr().err


def test_changing_an_output_in_place_leaves_the_store(two: Clone, shared: Path) -> None:
    assert two.run() == 0
    with (two.path / "results/table.txt").open("r+") as file:
        file.write("changed")
    (two.path / "results/model/config.json").write_text("changed")
    assert two.run() == 0


def test_a_file_system_without_fast_copies_is_as_good(two: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    assert two.run() == 0
    assert two.run("--other") == 1
    assert two.run("--other") == 0


def test_a_killed_writer_leaves_nothing_that_counts(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = Clone(tmp_path / "one", monkeypatch)
    put = Directory.put

    def killed(self: Directory, source: Path, name: str) -> None:
        put(self, source, name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Directory, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            clone.run()
    assert len(objects(shared)) == 1
    assert not (shared / "keys").exists()
    assert clone.run() == 1
    assert clone.run() == 0


def test_a_file_killed_midway_is_never_taken_for_whole(tmp_path: Path) -> None:
    """The writer is stopped while it copies, and gets no chance to tidy."""
    (tmp_path / "large").write_bytes(b"1" * 3_000_000)
    script = (
        "import os, signal, sys; from pathlib import Path; from umui.jobs import places\n"
        "def half(source, target): target.write_bytes(b'1' * 1000); os.kill(os.getpid(), signal.SIGKILL)\n"
        "places._copy = half\n"
        "places.Directory(Path('store')).put(Path('large'), 'objects/aa/aa')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert Directory(tmp_path / "store").entry("objects/aa/aa") is None
    assert len(list(Directory(tmp_path / "store").entries("objects"))) == 1, "its part, for store-gc"


def test_writers_side_by_side_leave_a_whole_entry(tmp_path: Path, shared: Path) -> None:
    """Their results differ in their bytes, as those of two machines may; either may win, but not a mixture."""
    job = [sys.executable, "-m", "umui.jobs", "--code", "c", "--environment", "e", "--outputs", "a", "b", "--"]
    stage = "import secrets, pathlib; [pathlib.Path(name).write_text(secrets.token_hex(50000)) for name in 'ab']"
    writers = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
        command = [*job, sys.executable, "-c", stage]
        writers.append(subprocess.Popen(command, cwd=tmp_path / str(number), env=environment))
    assert [writer.wait(60) for writer in writers] == [0] * 4
    made = {((tmp_path / str(n) / "a").read_text(), (tmp_path / str(n) / "b").read_text()) for n in range(4)}
    manifest = manifest_of(shared)
    stored = tuple((shared / object_name(file.sha256)).read_text() for file in manifest.files)
    assert stored in made


def test_a_stage_may_keep_its_result_to_itself(one: Clone, shared: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stage = one.path / "stage.py"
    stage.write_text(STAGE + "\nfrom umui.private_result import keep_private\nkeep_private('a file was missing')\n")
    one.monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    assert one.run("--other") == 1
    assert "store: not stored: a file was missing" in capfd.readouterr().err
    assert len(list((shared / "keys").iterdir())) == 1


def test_a_failed_job_is_not_stored(one: Clone, shared: Path) -> None:
    assert main(["--code", "c", "--environment", "e", "--outputs", "x", "--", "false"]) == 1
    assert len(list((shared / "keys").iterdir())) == 1


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server on the loopback interface."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A fresh bucket, and a prefix in it."""
    from pyarrow import fs

    variables = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
    for name, value in {**variables, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{abs(hash(tmp_path)) % 10**9}"
    made = fs.S3FileSystem(endpoint_override=endpoint.removeprefix("http://"), scheme="http",
                           allow_bucket_creation=True)  # fmt: skip
    made.create_dir(name)
    return f"s3://{name}/some/prefix"


def test_a_second_clone_takes_from_s3(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UMUI_STORE", bucket)
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    one, two = (Clone(tmp_path / name, monkeypatch) for name in ("one", "two"))
    assert one.run() == 1
    assert two.run() == 0
    there = place(bucket)
    assert isinstance(there, Bucket)
    damaged = next(entry for entry in there.entries("objects") if entry.size == 30000)
    there.write(damaged.name, b"truncated")
    assert two.run() == 1
    assert "store: damaged, removed: objects/" in capfd.readouterr().err
    assert one.run() == 0


def test_s3_out_of_reach_fails_no_job(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UMUI_STORE", "s3://no-such-bucket/prefix")
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    assert Clone(tmp_path / "one", monkeypatch).run() == 1
    assert "store: not stored: " in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_both_places_behave_alike(kind: str, tmp_path: Path, bucket: str) -> None:
    there: Place = place(str(tmp_path / "store") if kind == "directory" else bucket)
    (tmp_path / "large").write_bytes(os.urandom(9_000_000))
    assert there.entry("objects/aa/b") is None
    assert list(there.entries("objects")) == []
    there.remove("objects/aa/b")
    with pytest.raises(FileNotFoundError):
        there.read("keys/a.json")
    with pytest.raises(FileNotFoundError):
        there.fetch("objects/aa/b", tmp_path / "copy")
    there.put(tmp_path / "large", "objects/aa/b")
    there.write("keys/a.json", b"{}")
    assert there.read("keys/a.json") == b"{}"
    there.fetch("objects/aa/b", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "large").read_bytes()
    (entry,) = there.entries("objects")
    assert (entry.name, entry.size) == ("objects/aa/b", 9_000_000)
    assert entry.age_s < 60
    there.remove("objects/aa/b")
    assert list(there.entries("objects")) == []


def test_a_manifest_names_what_its_key_was_made_of(one: Clone, shared: Path) -> None:
    manifest = manifest_of(shared)
    assert manifest_name(manifest.key) == f"keys/{next((shared / 'keys').iterdir()).name}"
    digest = artifacts.digest_file(one.path / "input.txt")
    assert manifest.depends_on["inputs"] == [["input.txt", digest]]
    assert manifest.directories == ("results/model",)
    assert [file.path for file in manifest.files] == [
        "results/table.txt", "results/model/config.json", "results/model/inner/weights",
    ]  # fmt: skip


def age(shared: Path, name: str, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(shared / name, (then, then))


@pytest.fixture
def three(one: Clone, shared: Path) -> list[str]:
    """Three results, last used 1, 10 and 100 days ago; the names of their manifests, in this order."""
    names = [manifest_name(manifest_of(shared).key)]
    for number in (1, 2):
        (one.path / "input.txt").write_text(f"word{number} ")
        before = set(shared.glob("keys/*"))
        assert one.run() == 1
        (new,) = set(shared.glob("keys/*")) - before
        names.append(str(new.relative_to(shared)))
    for name, days in zip(names, (1, 10, 100), strict=True):
        age(shared, name, days)
    for file in objects(shared):
        age(shared, str(file.relative_to(shared)), 200)
    return names


def left(shared: Path) -> set[str]:
    return {str(path.relative_to(shared)) for path in shared.glob("keys/*")}


def test_results_unused_for_long_go_with_their_objects(three: list[str], shared: Path) -> None:
    maintenance.collect(str(shared), older_than=30, larger_than=None, dry_run=True)
    assert left(shared) == set(three)
    maintenance.collect(str(shared), older_than=30, larger_than=None, dry_run=False)
    assert left(shared) == set(three[:2])
    assert len(objects(shared)) == 6
    maintenance.verify(str(shared))


def test_the_least_recently_used_goes_first_while_there_is_too_much(three: list[str], shared: Path) -> None:
    maintenance.collect(str(shared), older_than=None, larger_than=80_000 / 1e9, dry_run=False)
    assert left(shared) == set(three[:2]), "each has 36 kB"


def test_objects_that_a_writer_may_be_about_to_name_stay(three: list[str], shared: Path) -> None:
    (shared / "objects/ab").mkdir(exist_ok=True)
    (shared / "objects/ab/new").write_bytes(b"a running writer's")
    (shared / "objects/ab/x.part-1").write_bytes(b"a killed writer's")
    age(shared, "objects/ab/x.part-1", 2)
    maintenance.collect(str(shared), older_than=None, larger_than=None, dry_run=False)
    assert (shared / "objects/ab/new").exists()
    assert not (shared / "objects/ab/x.part-1").exists()
    assert len(left(shared)) == 3


def test_taking_a_result_is_a_use_of_it(three: list[str], one: Clone, shared: Path) -> None:
    assert one.run() == 0, "the one unused for 100 days"
    maintenance.collect(str(shared), older_than=30, larger_than=None, dry_run=False)
    assert left(shared) == set(three)


def test_objects_of_an_old_result_are_renewed_for_a_new_one(one: Clone, shared: Path) -> None:
    """Else a collection between looking and naming would take them from under the writer."""
    for file in objects(shared):
        age(shared, str(file.relative_to(shared)), 200)
    assert one.run("--other") == 1
    assert all(Directory(shared).entry(str(file.relative_to(shared))).age_s < 60 for file in objects(shared))  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", DAMAGES)
def test_verifying_names_what_is_damaged(
    one: Clone, shared: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    maintenance.verify(str(shared))
    maintenance.list_results(str(shared))
    assert "results/model results/table.txt" in capsys.readouterr().out
    damage(shared)
    if damage is not swap_manifest:  # what a job may write is known to the job alone
        with pytest.raises(ValueError, match=r"1 faults.*\n(objects/|keys/)"):
            maintenance.verify(str(shared))
    maintenance.list_results(str(shared))


def test_a_bucket_is_looked_after_like_a_directory(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UMUI_STORE", bucket)
    monkeypatch.setenv("UMUI_STORE_ACCESS", "write")
    clone = Clone(tmp_path / "one", monkeypatch)
    assert clone.run() == 1
    maintenance.verify(bucket)
    maintenance.collect(bucket, older_than=0, larger_than=None, dry_run=False)
    assert "removed 1 of 1 results, 0 of 3 objects" in capsys.readouterr().out, "the objects are too young"
    monkeypatch.setattr(maintenance, "GRACE_S", -5.0)
    maintenance.collect(bucket, older_than=None, larger_than=None, dry_run=False)
    assert "removed 0 of 0 results, 3 of 3 objects" in capsys.readouterr().out
    assert clone.run() == 1
