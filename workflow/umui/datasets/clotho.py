"""Clotho Entailment (Deshmukh et al., AudioEntailment): three sentences on each sound of Clotho.

The annotations are clotho_entailment_development.csv, _validation.csv and _evaluation.csv with the columns Audio file,
Caption (five people's captions as a Python list), Entailment, Neutral and Contradiction.  A sound lies at
<audio>/<split>/<Audio file>.  What is entailed is true and what contradicts is false, for certain.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from umui.config.datasets import Clotho
from umui.datasets.importing import Pair, malformed, unused
from umui.datasets.rows import Fault, Row, csv_rows, text
from umui.tables import LeftOut, Split

FILE, CAPTIONS, NEUTRAL = "Audio file", "Caption", "Neutral"
N_CAPTIONS = 5
LONGEST_CAPTIONS = 10_000  # characters; Python's parser fails on what is nested deep, which takes more
TRUTHS: dict[str, tuple[bool | None, float]] = {"Entailment": (True, 1.0), "Contradiction": (False, 0.0)}
NEUTRAL_TRUTHS: dict[str, tuple[bool | None, float]] = {"false": (False, 0.0), "half": (None, 0.5)}


@dataclass(frozen=True)
class Premise:
    """A sound, or a caption in its place; the items of one sound cluster by its file's name."""

    file: str
    caption: str | None
    media_path: str | None


@dataclass(frozen=True)
class Sounds:
    """The files of a split, by name without outer blanks: three of the published names have leading ones."""

    directory: Path
    named: dict[str, Path]

    def path_of(self, name: str) -> str:
        """Return where a file is, or where it should be."""
        return str(self.named.get(name, self.directory / name))


def pairs(settings: Clotho) -> Iterator[Pair | LeftOut]:
    """Read the splits that have a part in the work; a malformed row or field is left out, the others go on.

    Raises ValueError when a file lacks a column, or when the sounds' directory of a split is missing.
    """
    for own_split, split in roles(settings).items():
        path = annotations_of(settings, own_split)
        if split is not None:
            yield from _pairs_of(settings, path, own_split, split)
        elif path.is_file():
            count = sum(1 for _ in _rows(path))
            yield unused(str(path), "", count, f"test_split: {settings.test_split}; the {own_split} split is not used")


def files(settings: Clotho) -> list[str]:
    """Return the files of the splits that are used, and of an unused one where it is there."""
    named = {annotations_of(settings, split): role for split, role in roles(settings).items()}
    return [str(path) for path, role in named.items() if role is not None or path.is_file()]


def roles(settings: Clotho) -> dict[str, Split | None]:
    """Return what each of its splits is to us; null: unused."""
    kept = settings.test_split == "evaluation"
    return {
        "development": "train",
        "validation": "validation" if kept else "test",
        "evaluation": "test" if kept else None,
    }


def annotations_of(settings: Clotho, split: str) -> Path:
    """Return the file of one of its splits."""
    return Path(settings.annotations) / f"clotho_entailment_{split}.csv"


def _rows(path: Path) -> Iterator[tuple[int, Row | Fault]]:
    return csv_rows(path, {FILE, CAPTIONS, NEUTRAL, *TRUTHS})


def _pairs_of(settings: Clotho, path: Path, own_split: str, split: Split) -> Iterator[Pair | LeftOut]:
    truths = TRUTHS if settings.neutral == "drop" else TRUTHS | {NEUTRAL: NEUTRAL_TRUTHS[settings.neutral]}
    sounds = _sounds(Path(settings.audio) / own_split) if settings.premise == "sound" and settings.audio else None
    count = 0
    for number, row in _rows(path):
        try:
            if isinstance(row, Fault):
                raise row
            premise = _premise(settings, sounds, row)
        except Fault as fault:
            yield malformed(str(path), number, fault)
            continue
        count += 1
        for column, (label, probability) in truths.items():
            try:
                hypothesis = text(row, column, "give a sentence")
            except Fault as fault:
                yield malformed(str(path), number, fault)
                continue
            yield Pair(
                source=str(path),
                row=number,
                split=split,
                modality="text" if sounds is None else "audio",
                premise_text=premise.caption,
                media_path=premise.media_path,
                hypothesis=hypothesis,
                label=label,
                probability=probability,
                event=premise.file,
                column=column,
            )
    if settings.neutral == "drop":
        yield unused(str(path), NEUTRAL, count, "neutral: drop")


def _sounds(directory: Path) -> Sounds:
    if not directory.is_dir():
        raise ValueError(f"{directory}: no such directory; put the split's sound files there, or say premise: caption")
    return Sounds(directory, {path.name.strip(): path for path in sorted(directory.iterdir())})


def _premise(settings: Clotho, sounds: Sounds | None, row: Row) -> Premise:
    name = text(row, FILE, "give the name of a sound file").strip()
    if Path(name).name != name:
        raise Fault(FILE, name, "give a file's name alone, without a directory")
    if sounds is not None:
        return Premise(name, None, sounds.path_of(name))
    assert settings.caption is not None, "the configuration's model sees to it"
    return Premise(name, _captions(row)[settings.caption], None)


def _captions(row: Row) -> list[str]:
    """Return the five captions; only literals are read, and nothing is evaluated."""
    written = row[CAPTIONS]
    remedy = (
        f"give a Python list of {N_CAPTIONS} captions, of {LONGEST_CAPTIONS} characters at most; a file in another "
        "layout, such as one caption in plain text, becomes a manifest (data/README.md)"
    )
    if len(written) > LONGEST_CAPTIONS:
        raise Fault(CAPTIONS, written, remedy)
    try:
        captions = ast.literal_eval(written)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise Fault(CAPTIONS, written, remedy) from None
    if not isinstance(captions, list) or len(captions) != N_CAPTIONS:
        raise Fault(CAPTIONS, written, remedy)
    if not all(isinstance(caption, str) and caption.strip() for caption in captions):
        raise Fault(CAPTIONS, written, remedy)
    return captions
