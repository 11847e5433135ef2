"""Look after a store: list what is in it, verify it, and remove what is no longer used."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from umui.arguments import Option
from umui.files.digests import digest_file
from umui.processes.progress import reported
from umui.processes.say import say
from umui.store.backends import PART, Entry, Place, place
from umui.store.manifest import MOST_BYTES, Manifest, manifest_name, object_name
from umui.store.store import GRACE_S

DAY_S = 86400.0
StorePlace = Annotated[
    str,
    "a directory, or s3://BUCKET/PREFIX with the credentials in the variables AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY (and AWS_REGION, AWS_ENDPOINT_URL where needed): what the setting `store` names.  It is "
    "filled and read by the workflow itself: snakemake --config store=/shared/store results/table3.csv.  "
    "docs/sharing.md says what is trusted",
    Option(values="PLACE"),
]


@dataclass(frozen=True)
class Result:
    """A stored result and its manifest's file, or why that cannot be read."""

    entry: Entry
    manifest: Manifest | None
    fault: str = ""


def list_results(store: StorePlace) -> None:
    """List the results of a store, the last used first.

    A line has a result's key, stage, size, age and outputs.
    """
    found = sorted(_results(place(store)), key=lambda result: result.entry.age_s)
    for result in found:
        used = f"used {result.entry.age_s / DAY_S:.1f} days ago"
        if result.manifest is None:
            print(f"{Path(result.entry.name).stem[:12]}  damaged: {result.fault}")
            continue
        manifest = result.manifest
        outputs = sorted([*manifest.directories, *_files_alone(manifest)])
        stage, megabytes = manifest.producer["stage"], manifest.size / 1e6
        print(f"{manifest.key[:12]}  {stage:18} {megabytes:10.1f} MB  {used}  made {manifest.created}  "
              f"{' '.join(outputs)}")  # fmt: skip
    there = list(place(store).entries("objects"))
    print(f"{len(found)} results, {len(there)} objects, {sum(entry.size for entry in there) / 1e9:.3f} GB")


def verify(store: StorePlace) -> None:
    """Read a whole store and name what is damaged or missing.

    Raises ValueError naming it all; nothing is changed, since the next job that meets such an entry makes it again.
    """
    there = place(store)
    results = list(_results(there))
    faults = [f"{result.entry.name}: {result.fault}" for result in results if result.manifest is None]
    entries = [entry for entry in there.entries("objects") if PART not in entry.name]
    faults += [fault for entry in reported(entries, len(entries), "objects") for fault in _object_faults(there, entry)]
    names = {entry.name for entry in entries}
    for result in results:
        files = result.manifest.all_files if result.manifest else ()
        missing = sorted({object_name(file.sha256) for file in files} - names)
        faults += [f"{result.entry.name}: {name} is missing" for name in missing]
    if faults:
        raise ValueError(
            f"{store}: {len(faults)} faults; the next job of a writer that meets one makes its result again:\n"
            + "\n".join(faults)
        )
    print(f"{len(results)} results, {len(entries)} objects: all as their digests say")


def collect(
    store: StorePlace,
    older_than: Annotated[float | None, "results unused for longer go", Option(values="DAYS")],
    larger_than: Annotated[float | None, "beyond it the least recently used go first", Option(values="GB")],
    dry_run: Annotated[bool, "say what would go, and remove nothing"],
) -> None:
    """Remove from a store what is no longer used, beside running jobs too.

    Results go that were unused for `older_than` days, and beyond `larger_than` GB those least recently used.  Then all
    objects go that no result names any more, and parts that killed writers left, unless they are younger than a day:
    their writer may be about to name them.  Safe beside running writers and readers: the worst that may happen to one
    is that it makes a result again.

    Examples:
      umui store-gc --store /shared/store --older-than 90 --dry-run
      umui store-gc --store s3://bucket/umui --larger-than 500

    A result is used when a clone that may write takes it; that is known to the day.  Readers leave no trace.  Without a
    limit only objects go that no result names, and what killed writers left, once they are a day old.
    """
    there = place(store)
    objects = list(there.entries("objects"))
    objects += [entry for entry in there.entries("keys") if PART in entry.name]
    results = sorted(_results(there), key=lambda result: -result.entry.age_s)
    kept = [result for result in results if older_than is None or result.entry.age_s <= older_than * DAY_S]
    if larger_than is not None:
        kept = _last_used_within(kept, larger_than * 1e9)
    going = [result.entry for result in results if result not in kept]
    named = _named(kept)
    unnamed = [entry for entry in objects if entry.name not in named and entry.age_s > GRACE_S]
    for entry in going:
        if not dry_run:
            there.remove(entry.name)
    removed = [entry for entry in unnamed if dry_run or _remove_if_old(there, entry)]
    freed = sum(entry.size for entry in removed) / 1e9
    young = sum(entry.name not in named for entry in objects) - len(removed)
    print(f"{'would remove' if dry_run else 'removed'} {len(going)} of {len(results)} results, {len(removed)} of "
          f"{len(objects)} objects, {freed:.3f} GB; {young} unnamed objects are too young")  # fmt: skip


def _results(there: Place) -> Iterator[Result]:
    for entry in there.entries("keys"):
        if PART in entry.name:
            continue
        try:
            manifest = Manifest.from_bytes(there.read(entry.name, MOST_BYTES))
            if manifest_name(manifest.key) != entry.name:
                raise ValueError(f"it is that of {manifest.key}")
            yield Result(entry, manifest)
        except FileNotFoundError:
            continue  # removed since it was listed
        except (ValueError, OSError) as error:
            yield Result(entry, None, str(error))


def _object_faults(there: Place, entry: Entry) -> Iterator[str]:
    handle, name = tempfile.mkstemp(prefix="umui-verify-")
    os.close(handle)
    try:
        there.fetch(entry.name, Path(name), entry.size)
        found = digest_file(Path(name))
        if found != Path(entry.name).name:
            yield f"{entry.name}: its sha256 is {found}"
    except FileNotFoundError:
        say(f"{entry.name}: removed while the store was verified")
    except ValueError as error:
        yield f"{entry.name}: {error}"
    finally:
        Path(name).unlink()


def _remove_if_old(there: Place, entry: Entry) -> bool:
    """Remove an object unless a writer has renewed it since it was listed."""
    now = there.entry(entry.name)
    if now is None or now.age_s <= GRACE_S:
        return False
    there.remove(entry.name)
    return True


def _files_alone(manifest: Manifest) -> list[str]:
    """Return the files of a result that are in none of its directories."""
    paths = [Path(file.path) for file in manifest.files]
    return [str(path) for path in paths if not any(path.is_relative_to(top) for top in manifest.directories)]


def _named(results: list[Result]) -> set[str]:
    return {object_name(file.sha256) for result in results if result.manifest for file in result.manifest.all_files}


def _last_used_within(results: list[Result], limit: float) -> list[Result]:
    """Return the last used of `results`, which come last, as many as have at most `limit` bytes together."""
    counted: dict[str, int] = {}
    for number, result in enumerate(reversed(results)):
        files = result.manifest.all_files if result.manifest else ()
        counted.update({file.sha256: file.size for file in files})
        if sum(counted.values()) > limit:
            return results[len(results) - number :]
    return results
