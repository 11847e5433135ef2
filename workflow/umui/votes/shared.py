"""Votes as one project publishes them and another imports them: votes tables, and a manifest with their digests.

``manifest.json`` is ``{format, title, teacher, datasets, created, files: [{path, sha256, size, rows}, ...]}``.
"""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow.compute as pc

from umui.files.atomic import write_json
from umui.files.digests import digest_file
from umui.files.parquet import read_rows, read_table
from umui.tables import VOTES

FORMAT = "umui votes 1"
MANIFEST = "manifest.json"


def publish(
    votes: Annotated[Sequence[Path], "votes tables of one teacher"],
    title: Annotated[str, "the teacher, for people"],
    output: Annotated[Path, "directory, written; it must not exist"],
) -> None:
    """Write votes for other projects to import.

    Raises ValueError when a file is no votes table, when they are of several teachers, or when the directory is there.

    Example:
      umui publish-votes --votes results/votes/big-teacher/*.parquet --title 'big teacher' --output votes-of-big-teacher

    The directory holds a copy of each table and manifest.json, with the sha256, size and rows of each.  Another
    project, whose data set has the same name and content, reads it as an imported teacher with `form: votes` and
    `files: [votes-of-big-teacher/manifest.json]`; each file is verified first.
    """
    if output.exists():
        raise ValueError(f"{output}: it is there already; published votes are never changed, so name another")
    teachers, datasets, entries = set(), set(), []
    for file in votes:
        table = read_table(file, VOTES, ["item_id", "teacher"])
        teachers |= set(pc.unique(table["teacher"]).to_pylist())
        datasets |= {item_id.partition("/")[0] for item_id in pc.unique(table["item_id"]).to_pylist()}
        entry = {"sha256": digest_file(file), "size": file.stat().st_size, "rows": table.num_rows}
        entries.append({"path": file.name, **entry})
    if len(teachers) != 1:
        raise ValueError(
            f"{votes[0]}: the votes are of {sorted(teachers) or 'nobody'}; publish one teacher's at a time"
        )
    if len({entry["path"] for entry in entries}) < len(entries):
        raise ValueError(f"{votes[0]}: two of the files have one name; give each a name of its own")
    output.mkdir(parents=True)
    for file in votes:
        shutil.copyfile(file, output / file.name)
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    # The manifest comes last: a directory without it is no publication.
    write_json(output / MANIFEST, {"format": FORMAT, "title": title, "teacher": teachers.pop(),
                                   "datasets": sorted(datasets), "created": created, "files": entries})  # fmt: skip


def shared_votes(manifest: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of the tables that a manifest names, each file verified before it is read.

    Raises ValueError naming the file, what is expected and what was found.
    """
    for entry in _entries(manifest):
        file = manifest.parent / entry["path"]
        if not file.is_file():
            raise ValueError(f"{file}: missing, though {manifest} names it; fetch the votes again")
        found = digest_file(file)
        if found != entry["sha256"]:
            raise ValueError(
                f"{file}: its sha256 is {found}, {manifest} expects {entry['sha256']}; fetch the votes again, or ask "
                "who published them: these are other votes"
            )
        yield from read_rows(file, VOTES)


def _entries(manifest: Path) -> list[dict[str, str]]:
    try:
        said = json.loads(manifest.read_text(encoding="utf-8"))
        entries = [{"path": str(entry["path"]), "sha256": entry["sha256"]} for entry in said["files"]]
        known = said["format"] == FORMAT
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{manifest}: not a manifest of published votes ({error!r}); fetch it again") from None
    if not known:
        raise ValueError(f"{manifest}: its format is {said['format']!r}, this program reads {FORMAT!r}")
    for entry in entries:
        if Path(entry["path"]).name != entry["path"]:
            raise ValueError(f"{manifest}: names {entry['path']}, which is not beside it; fetch it again")
    return entries
