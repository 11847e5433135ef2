"""The command `umui score`: ask a student from the terminal, and print what it says for readers or for machines."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from umui.config.datasets import Manifest
from umui.config.models import Media
from umui.datasets.importing import Pair
from umui.datasets.manifest import pairs
from umui.processes.progress import reported
from umui.processes.say import say
from umui.tables import LeftOut, Modality
from umui.use.scorer import Query, Score, Scorer, Unscorable, query

PLOT_COLUMNS = 50
LEVELS = "▁▂▃▄▅▆▇█"


def score_command(
    model: Path,
    base: str | None,
    prompt: Path | None,
    media_settings: Media | None,
    ffmpeg: str | None,
    video: Path | None,
    audio: Path | None,
    text: str | None,
    modality: Modality | None,
    hypotheses: list[str],
    manifest: Path | None,
    as_json: bool,
    workers: int,
) -> None:
    """Print the scores of the hypotheses on one premise, or of all rows of a manifest.

    Raises ValueError when the arguments do not fit, and Unscorable when the one premise cannot be shown.
    """
    scorer = partial(_scorer, model, base, prompt, media_settings, ffmpeg)
    if manifest is not None:
        if hypotheses or any(value is not None for value in (video, audio, text, modality)):
            raise ValueError("--manifest: it holds premises and hypotheses itself; give it alone")
        _print_manifest(scorer(), manifest, as_json, workers)
        return
    if not hypotheses:
        raise ValueError("--hypothesis: missing; give one or more declarative sentences, or a --manifest")
    queries = [query(hypothesis, video=video, audio=audio, text=text, modality=modality) for hypothesis in hypotheses]
    for asked, answer in zip(queries, scorer().score_all(queries), strict=True):
        if isinstance(answer, Unscorable):
            raise answer
        print(json.dumps(as_row(asked.hypothesis, answer)) if as_json else as_text(asked.hypothesis, answer))


def _scorer(
    model: Path, base: str | None, prompt: Path | None, media_settings: Media | None, ffmpeg: str | None
) -> Scorer:
    if prompt is None and media_settings is None:
        return Scorer.from_pretrained(model, base, ffmpeg)
    if prompt is None or media_settings is None or base is not None:
        raise ValueError("--prompt, --media-settings: a published checkpoint needs both, and holds its base itself")
    return Scorer.from_published(model, prompt, media_settings.model_copy(update={"ffmpeg": ffmpeg}))


def as_row(hypothesis: str | None, answer: Score | Unscorable) -> dict[str, Any]:
    """Return an answer as a row for machines; without a probability it has a status other than ok, and a reason."""
    scored = answer if isinstance(answer, Score) else None
    return {
        "hypothesis": hypothesis,
        "status": "ok" if isinstance(answer, Score) else answer.status,
        "reason": "" if isinstance(answer, Score) else str(answer),
        "probability": scored and scored.probability,
        "interval": scored and scored.interval,
        "distribution": scored and scored.distribution,
    }


def as_text(hypothesis: str, answer: Score | Unscorable) -> str:
    """Return an answer as lines for readers."""
    if isinstance(answer, Unscorable):
        return f"{hypothesis}\n  {answer.status}: {answer}"
    lines = [hypothesis, f"  probability {answer.probability:.3f}"]
    if answer.interval is not None and answer.distribution is not None:
        low, high = answer.interval
        lines[1] += f", central 80 % of the distribution from {low:.2f} to {high:.2f}"
        lines.append(f"  0 {plot(answer.distribution)} 1")
    return "\n".join(lines)


def plot(masses: list[float], columns: int = PLOT_COLUMNS) -> str:
    """Draw a distribution over [0, 1] in one line of at most `columns` bars; the highest bar is full."""
    columns = min(columns, len(masses))
    heights = [0.0] * columns
    for place, mass in enumerate(masses):
        heights[place * columns // len(masses)] += mass
    return "".join(LEVELS[min(int(height / max(heights) * len(LEVELS)), len(LEVELS) - 1)] for height in heights)


def _print_manifest(scorer: Scorer, file: Path, as_json: bool, workers: int) -> None:
    entries = list(pairs(Manifest(kind="manifest", file=str(file))))
    counts: Counter[str] = Counter()
    for row, hypothesis, answer in reported(_answers(scorer, entries, workers), len(entries), "rows"):
        fields = as_row(hypothesis, answer)
        counts[fields["status"]] += 1
        line = f"row {row}: {as_text(hypothesis or '', answer)}"
        print(json.dumps({"row": row, **fields}) if as_json else line, flush=True)
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    say(f"{file}: {told or 'no rows'}")


def _answers(
    scorer: Scorer, entries: list[Pair | LeftOut], workers: int
) -> Iterator[tuple[int, str | None, Score | Unscorable]]:
    """Yield each row's number, hypothesis where it can be read, and answer, in the manifest's order."""
    answers = scorer.score_all((_query(entry) for entry in entries if isinstance(entry, Pair)), workers)
    for entry in entries:
        if isinstance(entry, LeftOut):
            where = f"{entry.column}: " if entry.column else ""
            yield entry.row, None, Unscorable(entry.status, f"{where}{entry.value!r}: {entry.reason}")
        else:
            yield entry.row, entry.hypothesis, next(answers)


def _query(pair: Pair) -> Query:
    media = None if pair.media_path is None else Path(pair.media_path)
    return Query(pair.hypothesis, pair.modality, pair.premise_text, media)
