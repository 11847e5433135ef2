"""The store of results that clones share: what a job made once, another takes, verified, instead of making it again.

``keys/KEY.json`` is a manifest, and ``objects/ab/SHA256`` the bytes of a file, once however many results have it.  A
key is the digest of all that a result depends on: the command with its settings, the stage's code, the environment's
lock, and the content of every input.  docs/sharing.md says what is trusted.
"""

import platform
import shutil
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from umui.files.digests import digest_file, digest_json
from umui.processes.say import say
from umui.store.backends import Place, place
from umui.store.digests import digest_of
from umui.store.manifest import MOST_BYTES, Manifest, StoredFile, manifest_name, object_name

DIGESTS = Path("results/.digests")
WITHOUT_EFFECT = ("--workers", "--gpus", "--circumstances")  # options whose value changes no result
GRACE_S = 86400.0  # an object this young is kept though no manifest names it: its writer may be about to
USED_EVERY_S = 86400.0  # how exactly the last use of a result is known
PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


class DamagedError(Exception):
    """An entry of the store is not what it says; `names` are the store's files that are at fault."""

    def __init__(self, message: str, *names: str) -> None:
        super().__init__(message)
        self.names = names


@dataclass(frozen=True)
class Store:
    """A store as one job sees it; without `writable` it only takes."""

    place: Place
    writable: bool

    def fetch(self, key: str, outputs: Sequence[Path], keeps: Sequence[Path] = ()) -> bool:
        """Put a stored result in its place, every file verified; say whether there was one.

        Of the files that the job `keeps` beside its outputs come those that are not there yet: its own may hold more.
        A damaged entry is reported, removed by a writer, and as good as none.
        """
        try:
            manifest = self._manifest(key, outputs, keeps)
            if manifest is None:
                return False
            _install(self.place, manifest, outputs)
        except DamagedError as error:
            kept = "removed" if self.writable else "left for a writer to remove"
            say(f"damaged, {kept}: {error}; the job is run instead", of="store")
            if self.writable:
                for name in (*error.names, manifest_name(key)):
                    with suppress(OSError):  # such as a directory; what takes its place says so
                        self.place.remove(name)
            return False
        say(f"found, verified ({_amount(manifest)})", of="store")
        if self.writable:
            self._note_use(key, manifest)
        return True

    def publish(
        self, key: str, depends_on: dict[str, Any], outputs: Sequence[Path], keeps: Sequence[Path] = ()
    ) -> None:
        """Store a job's outputs and what it keeps: first the objects, last the manifest that makes them count.

        Raises ValueError when there are too many files, or when a name is none in UTF-8.
        """
        manifest = Manifest(
            key=key,
            depends_on=depends_on,
            files=tuple(self._put(file) for output in outputs for file in _files_of(output)),
            directories=tuple(str(output) for output in outputs if output.is_dir()),
            kept=tuple(self._put(file) for file in keeps if file.is_file()),
            producer=_producer(depends_on["command"]),
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        data = manifest.to_bytes()
        if len(data) > MOST_BYTES:
            raise ValueError(f"its {len(manifest.all_files):,} files make a manifest of over {MOST_BYTES:,} bytes")
        self.place.write(manifest_name(key), data)
        say(f"stored ({_amount(manifest)})", of="store")

    def _put(self, path: Path) -> StoredFile:
        stored = StoredFile(path.as_posix(), digest_file(path), path.stat().st_size)
        there = self.place.entry(object_name(stored.sha256))
        if there is None or there.size != stored.size or there.age_s > GRACE_S / 2:
            self.place.put(path, object_name(stored.sha256))
        return stored

    def _manifest(self, key: str, outputs: Sequence[Path], keeps: Sequence[Path]) -> Manifest | None:
        name = manifest_name(key)
        try:
            manifest = Manifest.from_bytes(self.place.read(name, MOST_BYTES))
            if manifest.key != key:
                raise ValueError(f"it is that of {manifest.key}")
            manifest.check_belongs([str(output) for output in outputs], [str(path) for path in keeps])
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise DamagedError(f"{name}: {error}") from error
        return manifest

    def _note_use(self, key: str, manifest: Manifest) -> None:
        """Renew the manifest's time, by which `umui store-gc` knows what is used."""
        with suppress(OSError):  # the result is there already
            there = self.place.entry(manifest_name(key))
            if there is not None and there.age_s > USED_EVERY_S:
                self.place.write(manifest_name(key), manifest.to_bytes())


def opened(name: str, access: str) -> Store:
    """Return the store that the settings `store` and `store_access` name."""
    return Store(place(name), writable=access == "write")


def key_material(command: Sequence[str], code: str, environment: str, inputs: Sequence[Path]) -> dict[str, Any]:
    """Return all that a result depends on; its digest is the key.

    Of the command's program only the name counts, since the environment's lock says the rest.  Raises FileNotFoundError
    when an input is missing.
    """
    words = [Path(command[0]).name, *command[1:]]
    for option in WITHOUT_EFFECT:
        while option in words:
            at = words.index(option)
            del words[at : at + 2]
    return {
        "command": words,
        "code": code,
        "environment": environment,
        "inputs": [[str(path), digest_of(path, DIGESTS)] for path in inputs],
    }


def key_of_material(material: dict[str, Any]) -> str:
    """Return the key: 64 hexadecimal digits."""
    return digest_json(material)


def _install(source: Place, manifest: Manifest, outputs: Sequence[Path]) -> None:
    """Fetch all files beside their places, verify each, and only then put them there.

    Raises DamagedError when one is missing or has other bytes.
    """
    kept = [file for file in manifest.kept if not Path(file.path).exists()]
    with _beside([*outputs, *(Path(file.path) for file in kept)]) as parts:
        for directory in manifest.directories:
            parts[directory].mkdir()
        for file in manifest.files:
            top = next(str(output) for output in outputs if Path(file.path).is_relative_to(output))
            _fetch_verified(source, file, parts[top] / Path(file.path).relative_to(top))
        for file in kept:
            _fetch_verified(source, file, parts[file.path])
        for output in outputs:
            part = parts[str(output)]
            if not part.exists():
                raise DamagedError(f"{manifest_name(manifest.key)}: it lacks {output}")
            if output.is_dir():
                shutil.rmtree(output)
            part.replace(output)
        for file in kept:
            parts[file.path].replace(file.path)


def _fetch_verified(source: Place, file: StoredFile, target: Path) -> None:
    name = object_name(file.sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.fetch(name, target, file.size)
    except FileNotFoundError:
        raise DamagedError(f"{name} is missing ({file.path})") from None
    except ValueError as error:
        raise DamagedError(f"{name} ({file.path}): {error}", name) from error
    if (found := digest_file(target)) != file.sha256:
        raise DamagedError(f"{name} ({file.path}): its sha256 is {found}", name)


@contextmanager
def _beside(outputs: Sequence[Path]) -> Iterator[dict[str, Path]]:
    """Yield a path beside each output, on its file system, where nothing is yet; what is left there goes."""
    spaces: dict[str, Path] = {}
    try:
        for output in outputs:
            output.parent.mkdir(parents=True, exist_ok=True)
            spaces[str(output)] = Path(tempfile.mkdtemp(prefix=f".{output.name}.", dir=output.parent))
        yield {name: space / "part" for name, space in spaces.items()}
    finally:
        for space in spaces.values():
            shutil.rmtree(space, ignore_errors=True)


def _files_of(output: Path) -> Iterator[Path]:
    if not output.is_dir():
        return iter([output])
    return (path for path in sorted(output.rglob("*")) if path.is_file())


def _producer(command: Sequence[str]) -> dict[str, str]:
    version = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"]
    stage = command[command.index("umui.cli") + 1] if "umui.cli" in command else command[0]
    return {"stage": stage, "umui": version, "machine": platform.machine(), "system": platform.system()}


def _amount(manifest: Manifest) -> str:
    count = len(manifest.all_files)
    return f"{count} file{'s' if count != 1 else ''}, {manifest.size / 1e6:.1f} MB"
