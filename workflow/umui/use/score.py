"""The command `umui score`: ask a student from the terminal, and print what it says for readers or for machines."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from umui.arguments import Option, StudentDirectory, TrainedBase, Workers
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
    model: StudentDirectory,
    base: TrainedBase,
    prompt: Annotated[
        Path | None,
        "of a published checkpoint: a template with the blocks system and user",
        Option(values="FILE"),
    ],
    media_settings: Annotated[
        Media | None, "of a published checkpoint: the section `media` that its training had, as JSON"
    ],
    ffmpeg: Annotated[str | None, "an ffmpeg binary (default: the imageio-ffmpeg wheel's)", Option(values="PATH")],
    video: Annotated[Path | None, "a clip; its sound is withheld, unless --modality audiovisual"],
    audio: Annotated[Path | None, "a recording, or a clip whose sound alone is to be heard"],
    text: Annotated[str | None, "a premise in words, alone or beside a clip or recording"],
    modality: Annotated[Modality | None, "what is shown (default: what is given)"],
    hypotheses: Annotated[
        Sequence[str],
        "a declarative sentence",
        Option(name="--hypothesis", values="SENTENCE", repeated=True, may_be_empty=True),
    ],
    manifest: Annotated[
        Path | None,
        "many rows instead: CSV, JSONL or Parquet; data/README.md has the columns",
        Option(values="FILE"),
    ],
    as_json: Annotated[bool, "one JSON object a line, for machines", Option(name="--json")],
    workers: Workers = 1,
) -> None:
    """Ask a student how probable hypotheses are on a clip, a sound or a text.

    The arguments give one premise and its hypotheses, or a manifest.  Raises ValueError when they do not fit, and
    Unscorable when the one premise cannot be shown.

    Example, from the repository's directory:
      PYTHONPATH=workflow $(python3.11 workflow/umui/environments/build.py --print-path envs/student.txt)/bin/python \\
        -m umui.cli score --model results/students/clue-d --video clip.mp4 --hypothesis 'The next ball is red.'

    Printed are the hypothesis' probability, which is the mean of the predicted distribution over confidence bins from 0
    to 1; the central 80 % interval of this distribution, from the first bin where the masses up to it reach 10 % to the
    first where they reach 90 %; and the distribution itself.  The interval says how sure the model is of its number; it
    has not been checked to hold any share of truths.  A student that answers in words (CLUE-T) has a probability alone.

    What cannot be shown gets no probability.  A single clip at fault is an error, with the file, the fault and the
    remedy, and exit code 1; in a manifest it is a row with a status, and the rest goes on.
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
