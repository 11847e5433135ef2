"""WikiVideo: claims from Wikipedia articles on events, and which of an event's videos support them.

The annotations are ``{title: {claims, claims_to_supporting_videos, videos, ...}}``.  A claim lists the videos that
support it, each with three flags: whether its pictures (video), its sound (audio) and writing in its pictures (ocr) do.
People's scalar judgments are a list of ``{claim, path, probability, ...}``.  docs/wikivideo.md says what becomes of all
these, and where and why this departs from the published code.
"""

import difflib
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from umui.config.datasets import WikiVideo
from umui.datasets.importing import Pair, malformed
from umui.datasets.rows import Fault, Row, text
from umui.datasets.scales import Columns, judged
from umui.processes.say import say
from umui.tables import LeftOut, Modality, Split

EVENT_KEYS = ("claims", "claims_to_supporting_videos", "videos")
Key = tuple[str, str]
"""What a judgment is joined by: the claim's words and the name of the video's file, without folder and suffix."""


@dataclass(frozen=True)
class Support:
    """What of a video supports a claim: its pictures, its sound, writing in its pictures."""

    video: bool
    audio: bool
    ocr: bool


NO_SUPPORT = Support(video=False, audio=False, ocr=False)


@dataclass(frozen=True)
class Judgment:
    """A person's probability of a claim, given a video with its sound; `row` counts the judgments from 1."""

    row: int
    key: Key
    claim: str
    probability: float


def pairs(settings: WikiVideo) -> Iterator[Pair | LeftOut]:
    """Read the annotations and join the judgments; what is faulty, repeated or without a match is left out.

    JSON has no rows: a row is a claim, counted through the annotation file, or a judgment.  Raises ValueError when a
    file is not of its format or a held-out event is not in it.
    """
    judgments: dict[Key, Judgment] = {}
    if settings.judgments is not None:
        columns = Columns(settings.judgments, settings)
        for judgment in judged(_judgments(settings.judgments, columns), columns):
            if isinstance(judgment, LeftOut):
                yield judgment
            elif (first := judgments.setdefault(judgment.key, judgment)) is not judgment:
                yield _repeated(settings.judgments, judgment, first)
    matched: set[Key] = set()
    for entry in _entries(settings):
        said = judgments.get(_key(entry.hypothesis, str(entry.media_path))) if isinstance(entry, Pair) else None
        if said is None or isinstance(entry, LeftOut):
            yield entry
        else:
            matched.add(said.key)
            yield replace(entry, probability=said.probability)
    for judgment in judgments.values():
        if judgment.key not in matched:
            reason = f"no pair has this claim and the video {judgment.key[1]}"
            yield LeftOut(str(settings.judgments), judgment.row, "", judgment.claim, "unused", reason)
    if settings.judgments is not None:
        say(f"{len(matched)} of {len(judgments)} judged pairs of claim and video found")


def files(settings: WikiVideo) -> list[str]:
    """Return the files that the items are made of, media apart."""
    return [settings.annotations] if settings.judgments is None else [settings.annotations, settings.judgments]


def is_supported(support: Support, modality: Modality, rule: str) -> bool:
    """Return the label of a claim, given what of the video supports it and what of it is shown.

    published
        Of src/eval/run_eval.py in adoptedirelia/UMUI.  video: pictures or writing do; audio: the sound does, and
        neither pictures nor writing; audiovisual: pictures or sound do, writing alone does not.
    corrected
        Whatever is shown counts.  video: pictures or writing do; audio: the sound does; audiovisual: any of the three.
    """
    seen = support.video or support.ocr
    if modality == "video":
        return seen
    if modality == "audio":
        return support.audio and not (rule == "published" and seen)
    return support.audio or (support.video if rule == "published" else seen)


def one_spelling(title: str) -> str:
    """Return an event's title with blanks: some files have underscores, after the address of the article."""
    return title.replace("_", " ").strip()


def _entries(settings: WikiVideo) -> Iterator[Pair | LeftOut]:
    events, rows = _read(settings.annotations), count(1)
    if not isinstance(events, dict):
        raise ValueError(f"{settings.annotations}: not an object of events by title; give WikiVideo's final_data file")
    held_out = _held_out(settings, {one_spelling(title) for title in events})
    for title, event in events.items():
        missing = [key for key in EVENT_KEYS if not isinstance(event, dict) or key not in event]
        if missing:
            raise ValueError(f"{settings.annotations}: {title} lacks {missing}; give WikiVideo's final_data file")
        split: Split = "test" if one_spelling(title) in held_out else "train"
        yield from _of_event(settings, one_spelling(title), split, event, rows)


def _held_out(settings: WikiVideo, titles: set[str]) -> set[str]:
    held_out = {one_spelling(title) for title in settings.test_events}
    for title in sorted(held_out - titles):
        close = difflib.get_close_matches(title, sorted(titles), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it has {len(titles)} others"
        raise ValueError(f"{settings.annotations}: test_events: no event has the title {title!r}; {hint}")
    return held_out


def _of_event(
    settings: WikiVideo, title: str, split: Split, event: Row, rows: Iterator[int]
) -> Iterator[Pair | LeftOut]:
    source, supports = settings.annotations, event["claims_to_supporting_videos"]
    claims: set[str] = set()
    for claim in (claim for sentence in event["claims"] for claim in sentence):
        row = next(rows)
        if not isinstance(claim, str) or not claim.strip():
            yield malformed(source, row, Fault("claims", claim, f"{title}: give a declarative sentence"))
        elif claim in claims:
            yield LeftOut(source, row, "claims", claim, "duplicate", f"{title}: the claim stands there before")
        else:
            claims.add(claim)
            try:
                yield from _of_claim(settings, title, split, claim, supports.get(claim), event["videos"], row)
            except Fault as fault:
                yield malformed(source, row, fault)
    for claim in supports:
        if claim not in claims:
            reason = f"{title}: the claim is not among the event's claims"
            yield LeftOut(source, next(rows), "claims_to_supporting_videos", claim, "unused", reason)


def _of_claim(
    settings: WikiVideo, title: str, split: Split, claim: str, supported: Any, videos: Row, row: int
) -> Iterator[Pair | LeftOut]:
    """Yield a claim's pairs: with the videos that it lists, and in some splits with the event's others, as false."""
    if not isinstance(supported, dict) or not isinstance(supported.get("videos_modalities"), dict):
        remedy = f"{title}: claims_to_supporting_videos has no videos_modalities of the claim; give {{}} for none"
        raise Fault("claims", claim, remedy)
    flags = supported["videos_modalities"]
    listed = dict.fromkeys([*flags, *supported.get("supporting_videos", [])])
    others = [video for video in videos if video not in listed] if split in settings.negatives else []
    for video in [*listed, *others]:
        support = _support(flags.get(video)) if video in listed else NO_SUPPORT
        if support is None:
            remedy = f"{title}: {claim!r}: give true or false for each of video, audio and ocr"
            yield malformed(settings.annotations, row, Fault(video, json.dumps(flags.get(video)), remedy))
            continue
        for modality in settings.modalities:
            yield Pair(
                source=settings.annotations,
                row=row,
                split=split,
                modality=modality,
                premise_text=None,
                media_path=_media_path(settings, video, modality),
                hypothesis=claim,
                label=is_supported(support, modality, settings.label_rule),
                event=title,
                column=f"{video} {modality}",
            )


def _media_path(settings: WikiVideo, video: str, modality: Modality) -> str:
    return str(
        Path(settings.audios) / f"{video}.wav" if modality == "audio" else Path(settings.videos) / f"{video}.mp4"
    )


def _support(flags: Any) -> Support | None:
    if not isinstance(flags, dict):
        return None
    video, audio, ocr = (flags.get(name) for name in ("video", "audio", "ocr"))
    if isinstance(video, bool) and isinstance(audio, bool) and isinstance(ocr, bool):
        return Support(video, audio, ocr)
    return None


def _judgments(path: str, columns: Columns) -> Iterator[Judgment | LeftOut]:
    judgments = _read(path)
    if not isinstance(judgments, list):
        raise ValueError(f"{path}: not a list of judgments; give the published annotation.json")
    for row, said in enumerate(judgments, start=1):
        try:
            if not isinstance(said, dict):
                raise Fault("", json.dumps(said), "give an object with claim, path and probability")
            claim = text(said, "claim", "give the claim, as the annotations have it")
            key = _key(claim, text(said, "path", "give the video's file"))
            yield Judgment(row, key, claim, columns.probability("probability", said.get("probability")))
        except Fault as fault:
            yield malformed(path, row, fault)


def _repeated(path: str, judged: Judgment, first: Judgment) -> LeftOut:
    """Return what says that a judgment is not the first of its pair, which alone counts."""
    reason = f"says {judged.probability:g} of the claim and video of row {first.row}, which says {first.probability:g}"
    return LeftOut(path, judged.row, "", judged.claim, "duplicate", reason)


def _key(claim: str, path: str) -> Key:
    """A name may be in either Unicode form (a Mac's), and behind Windows' separators."""
    name = PurePosixPath(path.replace("\\", "/")).stem
    return unicodedata.normalize("NFC", " ".join(claim.split())), unicodedata.normalize("NFC", name)


def _read(path: str) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON in UTF-8 ({error}); fetch the file again") from None
