"""Votes that someone else's teacher gave and published, read instead of asked for.

A file is ``{group: [{claim, type, path, label, modality, answer}, ...]}``.  An answer is a text or a list of texts, one
a vote, or, in the form `digits`, the probabilities of the digits 0 to 9.  A row belongs to the item of the same
modality, media file name and hypothesis.  docs/wikivideo.md says what is counted where.
"""

import csv
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from umui.answers.parsing import Parsed, hear
from umui.answers.token_masses import expectation
from umui.arguments import Items
from umui.config.judges import ImportedTeacher
from umui.files.atomic import write_text
from umui.files.digests import digest_file, digest_json
from umui.files.outside import in_csv
from umui.files.parquet import read_rows, write_table
from umui.processes.say import say
from umui.tables import ITEMS, LEFT_OUT, VOTES, LeftOut, Modality
from umui.votes.shared import shared_votes

MODALITIES: dict[str, Modality] = {"audio": "audio", "video": "video", "omni": "audiovisual"}
DIGITS = 10
ITEM_COLUMNS = (
    "item_id",
    "dataset",
    "split",
    "premise_id",
    "modality",
    "media_id",
    "media_path",
    "hypothesis",
    "label",
)

Key = tuple[str, str, str]
"""What votes are joined by: the modality, the media file's name, and the hypothesis' words."""


@dataclass(frozen=True)
class Published:
    """The votes of one pair, as row `row` (counted from 1 through the groups) of `file` gives them."""

    file: str
    row: int
    key: Key
    label: Any
    votes: Sequence[Any]
    file_digest: str


@dataclass(frozen=True)
class Found:
    """What the files hold: the items that may have votes, rows of votes, what is left out, and differing labels."""

    wanted: list[str]
    rows: list[dict[str, Any]]
    aside: list[LeftOut]
    differing: int


def import_votes(
    settings: ImportedTeacher,
    teacher: Annotated[str, "its name in the configuration"],
    items: Items,
    votes: Annotated[Path, "votes table, written"],
    left_out: Annotated[Path, "CSV of rows and items without a match, written"],
) -> None:
    """Read a teacher's published votes.

    Raises ValueError when a file is not of the format, or when no row belongs to an item.
    """
    found = _shared(settings, teacher, items) if settings.form == "votes" else _answered(settings, teacher, items)
    if not found.rows:
        reasons = "; ".join(f"{entry.source}, row {entry.row}: {entry.reason}" for entry in found.aside[:3])
        raise ValueError(f"imported_teachers.{teacher}: no row belongs to an item; the first reasons: {reasons}")
    reason = "no row of the files is of this item"
    voted = {row["item_id"] for row in found.rows}
    unvoted = [item_id for item_id in found.wanted if item_id not in voted]
    aside = [
        *found.aside,
        *(LeftOut(settings.dataset, 0, "item_id", item_id, "no_votes", reason) for item_id in unvoted),
    ]
    write_table(votes, VOTES, found.rows)
    write_text(left_out, _csv(aside))
    say(
        f"{teacher}: votes of {len(voted)} of {len(found.wanted)} items: "
        f"{_counts(row['parse_status'] for row in found.rows)}; left out: {_counts(entry.status for entry in aside)}; "
        f"{found.differing} labels differ from the items'"
    )


def _answered(settings: ImportedTeacher, teacher: str, items: Sequence[Path]) -> Found:
    """Find the votes in files of answers."""
    wanted, aside = _wanted(settings, items)
    found: dict[str, Published] = {}
    for entry in _published(settings):
        if isinstance(entry, LeftOut):
            aside.append(entry)
        elif (item := wanted.get(entry.key)) is None:
            reason = f"not one item of {settings.dataset}, in the chosen splits and modalities: {' / '.join(entry.key)}"
            aside.append(_of_row(entry, "unused", reason))
        elif (first := found.setdefault(item["item_id"], entry)) is not entry:
            aside.append(_of_row(entry, "duplicate", f"the pair of {first.file}, row {first.row}"))
    voted = [item for item in wanted.values() if item["item_id"] in found]
    rows = [row for item in voted for row in _rows(settings, teacher, item["item_id"], found[item["item_id"]])]
    labelled = [(found[item["item_id"]].label, item["label"]) for item in voted]
    differing = sum(isinstance(said, bool) and said != label for said, label in labelled)
    return Found([item["item_id"] for item in wanted.values()], rows, aside, differing)


def _shared(settings: ImportedTeacher, teacher: str, items: Sequence[Path]) -> Found:
    """Find the votes in tables that another project published; they are of the items with the same `item_id`."""
    wanted = [item["item_id"] for item in _chosen(settings, items)]
    known, rows = set(wanted), []
    origins: dict[str, str] = {}
    aside: dict[str, LeftOut] = {}
    for manifest in settings.files:
        for row in shared_votes(Path(manifest)):
            item_id = row["item_id"]
            if item_id not in known:
                reason = f"not an item of {settings.dataset}, in the chosen splits and modalities"
                aside[item_id] = LeftOut(manifest, 0, "item_id", item_id, "unused", reason)
            elif (first := origins.setdefault(item_id, manifest)) == manifest:
                rows.append(row | {"teacher": teacher})
            else:
                aside[item_id] = LeftOut(manifest, 0, "item_id", item_id, "duplicate", f"{first} has votes on it")
    return Found(wanted, rows, list(aside.values()), 0)


def answers_of(value: Any, form: str) -> Sequence[Any]:
    """Return the votes in a row's `answer`: digits are one vote, so is a single text, and a list is one vote a text."""
    return value if form != "digits" and isinstance(value, list) else [value]


def parsed_vote(answer: Any, settings: ImportedTeacher) -> tuple[str, str | None, Parsed]:
    """Return a vote's text, its reasoning or null, and what it says; what is not of the form says nothing."""
    if settings.form == "digits":
        return json.dumps(answer), None, digits(answer)
    if not isinstance(answer, str):
        return json.dumps(answer), None, Parsed(None, "missing")
    assert settings.form != "votes", "such votes are read as they are"
    heard = hear(_printable(answer), None, settings.form, None, thinks=settings.thinking)
    return heard.text, heard.reasoning, heard.parsed


def digits(vector: Any) -> Parsed:
    """Return the expectation of digit / 10 + 0.05 under the ten digits' probabilities.

    The formula is the published code's (src/training/NLI/mmdataset.py, convert_probability): the middle of the tenth
    that a digit stands for.  So it is from 0.05 to 0.95.
    """
    return expectation(vector, [digit / DIGITS + 0.05 for digit in range(DIGITS)])


def _wanted(settings: ImportedTeacher, items: Sequence[Path]) -> tuple[dict[Key, dict[str, Any]], list[LeftOut]]:
    """Return the items that may have votes, by key; where several share one, votes could be of any, and all go."""
    by_key: dict[Key, list[dict[str, Any]]] = {}
    for item in _chosen(settings, items):
        by_key.setdefault(_key(item["modality"], item["media_path"] or "", item["hypothesis"]), []).append(item)
    reason = "another item has its modality, media file name and hypothesis"
    aside = [
        LeftOut(settings.dataset, 0, "item_id", item["item_id"], "ambiguous", reason)
        for group in by_key.values()
        if len(group) > 1
        for item in group
    ]
    return {key: group[0] for key, group in by_key.items() if len(group) == 1}, aside


def _chosen(settings: ImportedTeacher, items: Sequence[Path]) -> list[dict[str, Any]]:
    return [
        item
        for item in read_rows(items, ITEMS, ITEM_COLUMNS)
        if item["dataset"] == settings.dataset
        and item["split"] in settings.splits
        and item["modality"] in settings.modalities
    ]


def _published(settings: ImportedTeacher) -> Iterator[Published | LeftOut]:
    for name in settings.files:
        groups, row = _groups(Path(name)), 0
        file_digest = digest_file(Path(name))
        for group, entries in groups.items():
            for entry in entries:
                row += 1
                yield _entry(settings, name, row, group, entry, file_digest)


def _groups(path: Path) -> Mapping[str, list[Any]]:
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON in UTF-8 ({error}); fetch the file again") from None
    if not isinstance(groups, dict) or not all(isinstance(entries, list) for entries in groups.values()):
        raise ValueError(f"{path}: not an object of lists, one an event or split; give a file of published votes")
    return groups


def _entry(
    settings: ImportedTeacher, name: str, row: int, group: str, entry: Any, file_digest: str
) -> Published | LeftOut:
    fields = entry if isinstance(entry, dict) else {}
    claim, path, modality = (fields.get(column) for column in ("claim", "path", "modality"))
    if not isinstance(claim, str) or not isinstance(path, str) or fields.get("answer") in (None, "", []):
        remedy = f"{group}: give an object with claim, path, modality and answer"
        return LeftOut(name, row, "", json.dumps(entry), "malformed", remedy)
    if not isinstance(modality, str) or modality not in MODALITIES:
        remedy = f"{group}: give one of {', '.join(MODALITIES)}; a row of texts does not say what its premise was"
        return LeftOut(name, row, "modality", str(modality), "malformed", remedy)
    votes = answers_of(fields["answer"], settings.form)
    return Published(name, row, _key(MODALITIES[modality], path, claim), fields.get("label"), votes, file_digest)


def _key(modality: Modality, path: str, hypothesis: str) -> Key:
    """A name may be in either Unicode form (a Mac's), and behind Windows' separators."""
    name = PurePosixPath(path.replace("\\", "/")).name
    words = " ".join(hypothesis.split())
    return modality, _joined_by(name.strip()), _joined_by(words)


def _joined_by(text: str) -> str:
    return _printable(unicodedata.normalize("NFC", text))


def _printable(text: str) -> str:
    """Return `text` with invalid Unicode, such as half of a cut emoji, as escapes."""
    return text.encode(errors="backslashreplace").decode()


def _rows(settings: ImportedTeacher, teacher: str, item_id: str, published: Published) -> Iterator[dict[str, Any]]:
    """Yield an item's votes; votes that the file lacks, up to the configured number, have the status missing.

    What nobody knows any more (seed, prompt, evidence, tokens) is null.  The request digest is that of the file's
    bytes, the row and the vote: where the answer stands.
    """
    for vote in range(max(settings.votes, len(published.votes))):
        there = vote < len(published.votes)
        missing = "", None, Parsed(None, "missing")
        text, reasoning, said = parsed_vote(published.votes[vote], settings) if there else missing
        place = {"file": published.file_digest, "row": published.row, "vote": vote}
        yield {
            "item_id": item_id,
            "teacher": teacher,
            "vote": vote,
            "text": text,
            "reasoning": reasoning,
            "probability": said.probability,
            "parse_status": said.status,
            "request_digest": digest_json(place),
        }


def _of_row(entry: Published, status: str, reason: str) -> LeftOut:
    return LeftOut(entry.file, entry.row, "", entry.key[2], status, reason)


def _counts(statuses: Iterable[str]) -> str:
    return ", ".join(f"{n} {status}" for status, n in Counter(statuses).most_common()) or "nothing"


def _csv(aside: list[LeftOut]) -> str:
    out = StringIO()
    writer = csv.DictWriter(out, LEFT_OUT.schema.names, lineterminator="\n")
    writer.writeheader()
    for entry in aside:
        row = entry.as_row()
        writer.writerow({name: in_csv(value) if isinstance(value, str) else value for name, value in row.items()})
    return out.getvalue()
