"""Score hypotheses on a clip, a recording or a text with a trained student, outside of any workflow.

    from umui.use.scorer import Scorer
    score = Scorer.from_pretrained("results/students/clue-d").score("The next ball is red.", video="clip.mp4")
    score.probability, score.interval, score.distribution

This lies above the stages: it needs the media's and the student's at once.  Evidence is extracted by the workflow's own
code with the settings that the student learned from, so that a model sees and hears what it would in the workflow.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, islice
from pathlib import Path

import pyarrow as pa

from umui.backbone.encoding import LEAST_SOUND_S, Encoder
from umui.config.models import Media
from umui.evidence.decoded import AskedPremise, Evidence, Premise
from umui.evidence.shown import HEARS, SHOWN
from umui.media.extraction import Extract, Source, extract
from umui.processes import ffmpeg as ffmpeg_process
from umui.prompts.rendering import claim_first
from umui.students import directory as student_directory
from umui.students import predict as prediction
from umui.students import published
from umui.students.heads.head import Answer
from umui.students.predict import Predictor
from umui.students.student import DTYPES, Reader
from umui.tables import EVIDENCE, MODALITIES, MediaStatus, Modality

INTERVAL_MASS = 0.8  # of a distribution, in the interval that is shown with it
QUERIES_AT_A_TIME = 16
REMEDIES: dict[MediaStatus, str] = {
    "no_audio": "give a clip with sound, or ask about its pictures alone (modality video)",
    "no_video": "give a clip with moving pictures, or ask about its sound alone (modality audio)",
    "corrupt": "fetch or encode it anew",
    "too_long": "cut it",
    "unsupported": "give a file of pictures or sound; ffmpeg converts most, for instance to mp4 or wav",
    "missing": "mend the path",
}
NO_ANSWER = {
    "unparsed": "the model's answer is not of the form that it was taught; ask otherwise",
    "not_finite": "the model's numbers are not finite; its weights may be damaged: train or fetch it again",
}


@dataclass(frozen=True)
class Query:
    """A hypothesis and the premise that it is asked about; `text` may stand beside a medium."""

    hypothesis: str
    modality: Modality
    text: str | None
    media: Path | None

    @property
    def premise(self) -> tuple[Modality, str | None, Path | None]:
        """The premise's identity."""
        return self.modality, self.text, self.media


@dataclass(frozen=True)
class Score:
    """A student's answer: how probable the hypothesis is.

    `distribution` holds the masses of N bins, which stand for the probabilities i / (N - 1); its mean is `probability`.
    `interval` is its central 80 %: from the first bin where the masses up to it reach 10 % to the first where they
    reach 90 %.  It says how sure the model is of its number, and has not been checked to hold any share of truths.
    Both are None for a student that gives no distribution, such as CLUE-T.
    """

    probability: float
    interval: tuple[float, float] | None
    distribution: list[float] | None


class Unscorable(ValueError):
    """There is no probability: `status` is a media status, unparsed or not_finite; the message has fault and remedy."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Scorer:
    """A student with its base in memory, ready to be asked."""

    def __init__(
        self,
        student: Reader,
        media_settings: Media,
        encoder: Callable[[Evidence], Encoder],
        premise: Callable[[Query, str | None], Premise],
    ) -> None:
        """Take a student, how its evidence is made, and how a query on a medium (by its media_id) is encoded."""
        self._student, self._encoder, self._premise = student, encoder, premise
        self._media_settings = media_settings
        self._program = ffmpeg_process.binary(media_settings.ffmpeg)
        ffmpeg_process.version(self._program)  # one that does not run is no fault of a clip

    @classmethod
    def from_pretrained(
        cls, directory: str | Path, base: str | Path | None = None, ffmpeg: str | None = None
    ) -> "Scorer":
        """Load the student in `directory`, on the GPU where there is one.

        `base` is where its base model is now; without it, it is looked for where it was in the training.  `ffmpeg` is
        the path of a binary; without it, that of the imageio-ffmpeg wheel.
        Raises ValueError when there is no student, no base, or another one than it was trained on, or no such ffmpeg.
        """
        found = student_directory.describe(Path(directory))
        where, revision = (found.base, found.revision) if base is None else (str(base), None)
        model, student = prediction.load(Path(directory), where, revision)
        media_settings = found.media_settings.model_copy(update={"ffmpeg": ffmpeg})
        premise = _own_premise if claim_first(found.prompt) else _shared_premise
        return cls(student, media_settings, partial(Encoder, model, found.prompt, media_settings), premise)

    @classmethod
    def from_published(cls, directory: str | Path, prompt: str | Path, media_settings: Media) -> "Scorer":
        """Load a student in the layout of the published checkpoint, which students/published.py describes.

        `prompt` is the file of a template with the blocks `system` and `user`; it and `media_settings` are to be those
        of that student's training, since its directory does not have them.
        Raises ValueError when one of them does not fit.
        """
        model, student = published.load(Path(directory), DTYPES["float32"])
        encoder = partial(published.WholePromptEncoder, model, Path(prompt), media_settings)
        return cls(student, media_settings, encoder, _own_premise)

    def score(
        self,
        hypothesis: str,
        *,
        video: str | Path | None = None,
        audio: str | Path | None = None,
        text: str | None = None,
        modality: Modality | None = None,
    ) -> Score:
        """Score one hypothesis; the arguments are those of `query`.

        Raises Unscorable when the medium cannot be shown or the answer is none, and ValueError as `query` does.
        """
        (answer,) = self.score_all([query(hypothesis, video=video, audio=audio, text=text, modality=modality)])
        if isinstance(answer, Unscorable):
            raise answer
        return answer

    def score_all(self, queries: Iterable[Query], workers: int = 1) -> Iterator[Score | Unscorable]:
        """Yield the answers in order; one without a probability stops no other.

        Neighbours that share a premise share its computation.  `workers` files are extracted at a time.
        """
        left = iter(queries)
        while group := list(islice(left, QUERIES_AT_A_TIME)):
            yield from self._answer(group, workers)

    def _answer(self, queries: Sequence[Query], workers: int) -> list[Score | Unscorable]:
        sources = {query.premise: _source(query.media, query.modality) for query in queries if query.media is not None}
        with ThreadPoolExecutor(workers) as pool:
            decode = partial(extract, self._media_settings, self._program)
            extracts = dict(zip(sources, pool.map(decode, sources.values()), strict=True))
        shown = {source.media_id: extracts[premise] for premise, source in sources.items()}
        encoder = self._encoder(_evidence(shown))
        asked: dict[Modality, dict[Premise, list[int]]] = {modality: {} for modality in MODALITIES}
        answers: dict[int, Score | Unscorable] = {}
        for place, query in enumerate(queries):
            source = sources.get(query.premise)
            premise = self._premise(query, source.media_id if source else None)
            fault = _fault(query.media, extracts[query.premise]) if query.media is not None else None
            fault = fault or self._unfit(query, premise, encoder)
            if fault is None:
                asked[query.modality].setdefault(premise, []).append(place)
            else:
                answers[place] = fault
        predictor = Predictor(self._student, encoder)
        for premises in filter(None, asked.values()):
            hypotheses = [[queries[place].hypothesis for place in places] for places in premises.values()]
            found = predictor.answer(list(premises), hypotheses)
            places = [place for group in premises.values() for place in group]
            answers |= {place: _score(answer) for place, answer in zip(places, found, strict=True)}
        return [answers[place] for place in range(len(queries))]

    def _unfit(self, query: Query, premise: Premise, encoder: Encoder) -> Unscorable | None:
        """Return why the model cannot take evidence that was extracted without a fault, or None."""
        if encoder.can_show(premise):
            tokens = encoder.length(premise, query.hypothesis, self._student.head.words(0.0))
            if tokens <= encoder.context_tokens:
                return None
            return Unscorable(
                "too_long",
                f"{query.media or 'the text'}: {tokens:,} tokens with all words, but the model's context holds "
                f"{encoder.context_tokens:,}; cut it",
            )
        if query.modality in HEARS:
            longest_s, sound_s = encoder.longest_sound_s, encoder.sound_s(premise)
            hears = f"the model hears from {LEAST_SOUND_S:g} to {longest_s:g} s"
            if sound_s > longest_s:
                return Unscorable("too_long", f"{query.media}: {sound_s:.2f} s of sound, but {hears}; cut it")
            return Unscorable("unsupported", f"{query.media}: {sound_s:.3f} s of sound, but {hears}; give a longer one")
        return Unscorable("no_video", f"{query.media}: no frame could be taken; {REMEDIES['corrupt']}")


def query(
    hypothesis: str,
    *,
    video: str | Path | None = None,
    audio: str | Path | None = None,
    text: str | None = None,
    modality: Modality | None = None,
) -> Query:
    """Check a query: one of `video` and `audio` (paths), or a text, which may also stand beside a medium.

    The modality is what is given; that of a video together with its own sound, audiovisual, must be said.
    Raises ValueError with the remedy when the parts do not fit.
    """
    if not hypothesis.strip():
        raise ValueError("hypothesis: empty; give a declarative sentence")
    if video is not None and audio is not None:
        raise ValueError("give a video or an audio; for a video's own sound give it with the modality audiovisual")
    media = video if video is not None else audio
    if media is None and not (text or "").strip():
        raise ValueError("no premise: give a video, an audio or a text")
    given = modality or ("text" if media is None else "video" if video is not None else "audio")
    if (given == "text") != (media is None) or (audio is not None and given != "audio"):
        raise ValueError(f"modality: {given} does not fit what is given; leave it out, or give audiovisual for a video")
    return Query(hypothesis, given, text, None if media is None else Path(media))


def central_interval(masses: Sequence[float], mass: float = INTERVAL_MASS) -> tuple[float, float]:
    """Return the central interval of a distribution over bins at i / (N - 1): two of the bins' probabilities.

    Its ends are the first bins where the masses up to them reach (1 - mass) / 2 and (1 + mass) / 2 of the sum.
    """
    sums = list(accumulate(masses))
    ends = [next(i for i, so_far in enumerate(sums) if so_far >= share * sums[-1])
            for share in ((1 - mass) / 2, (1 + mass) / 2)]  # fmt: skip
    low, high = (end / (len(masses) - 1) for end in ends)
    return low, high


def _shared_premise(query: Query, media_id: str | None) -> Premise:
    return Premise(str(query.premise), query.modality, query.text, media_id)


def _own_premise(query: Query, media_id: str | None) -> Premise:
    return AskedPremise.of(_shared_premise(query, media_id), query.hypothesis)


def _source(path: Path, modality: Modality) -> Source:
    return Source(str(path), str(path), SHOWN[modality].streams, listed=False)


def _evidence(shown: dict[str, Extract]) -> Evidence:
    rows = [{"media_id": media_id, "frames": done.frames, "audio": done.audio} for media_id, done in shown.items()]
    return Evidence(pa.Table.from_pylist(rows, pa.schema([EVIDENCE.schema.field(name) for name in _COLUMNS])))


_COLUMNS = ("media_id", "frames", "audio")


def _fault(path: Path, done: Extract) -> Unscorable | None:
    found = done.found
    if found.status == "ok":
        return None
    reason = found.reason if found.reason.startswith(str(path)) else f"{path}: {found.reason}"
    return Unscorable(found.status, f"{reason}; {REMEDIES[found.status]}")


def _score(answer: Answer) -> Score | Unscorable:
    status, probability, masses = answer
    if probability is None:
        return Unscorable(status, NO_ANSWER[status])
    return Score(probability, None if masses is None else central_interval(masses), masses)
