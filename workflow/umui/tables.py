"""The schema of every Parquet table: the interfaces between stages.

A row is never dropped in silence: what fails becomes a row with a status.  Probabilities are in [0, 1].
Keys are unique within a table, and a table is sorted by its key, so that the same rows give the same bytes.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pyarrow as pa

Modality = Literal["text", "audio", "video", "audiovisual"]
MODALITIES: tuple[Modality, ...] = ("text", "audio", "video", "audiovisual")
Split = Literal["train", "validation", "test"]
MediaStatus = Literal["ok", "no_audio", "no_video", "corrupt", "too_long", "unsupported", "missing"]
ParseStatus = Literal[
    "ok", "percent", "out_of_range", "missing", "truncated", "refused", "error", "no_evidence", "not_asked"
]
# too_long: of more tokens than the model's context; not_finite: a number of the model's was nan or infinite.
PredictionStatus = Literal["ok", "no_evidence", "no_label", "unparsed", "too_long", "not_finite"]


@dataclass(frozen=True)
class Table:
    """A table's name, columns and key; `version` changes when a column does."""

    name: str
    key: tuple[str, ...]
    schema: pa.Schema
    version: int = 1

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells a row from all others where files are read together: the key, and whose the row is."""
        owners = [name for name in ("teacher", "model") if name in self.schema.names]
        return tuple(dict.fromkeys([*self.key, *owners]))


def _table(name: str, key: tuple[str, ...], *columns: tuple[str, pa.DataType, str]) -> Table:
    """Columns are (name, type, meaning); a type is nullable when its meaning starts with ``or null``."""
    fields = [
        pa.field(column, kind, nullable=meaning.startswith("or null"), metadata={"meaning": meaning})
        for column, kind, meaning in columns
    ]
    return Table(name, key, pa.schema(fields))


_STRING, _FLOAT, _INT, _BOOL, _BYTES = pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.binary()

ITEMS = _table(
    "items",
    ("item_id",),
    ("item_id", _STRING, "the premise's identity, '#' and the hypothesis' number, such as urn/test/video/0012#3"),
    ("dataset", _STRING, "the dataset's name in the configuration"),
    ("split", _STRING, "train, validation or test"),
    ("event", _STRING, "what clusters dependent items: intervals resample events"),
    ("premise_id", _STRING, "unique over datasets; one modality of one piece of evidence"),
    ("modality", _STRING, "text, audio, video or audiovisual: what of the premise is shown"),
    ("premise_text", _STRING, "or null; the premise, or text beside the media"),
    ("media_id", _STRING, "or null (text alone); sha256 of the file's bytes, or 'missing-' and sha256 of its path"),
    ("media_path", _STRING, "or null (text alone); relative to the working directory"),
    ("hypothesis", _STRING, "a declarative sentence"),
    ("label", _BOOL, "or null; whether the hypothesis came true or is supported"),
    ("probability", _FLOAT, "or null; the exact or the annotators' probability of the hypothesis"),
    ("annotations", pa.list_(_FLOAT), "or null; single annotators' probabilities"),
)
LEFT_OUT = _table(
    "left_out",
    ("source", "row", "column"),
    ("source", _STRING, "the file"),
    ("row", _INT, "its row, from 1; a header is row 1; 0: the whole file"),
    ("column", _STRING, "what the fault is in, or empty for the whole row"),
    ("value", _STRING, "as it stands there, cut to 200 characters"),
    ("status", _STRING, "malformed (with the reason), duplicate or unused"),
    ("reason", _STRING, "what is wrong and what would be right"),
)
LONGEST_VALUE = 200  # characters of a value that are kept


@dataclass(frozen=True)
class LeftOut:
    """A row or field that came to nothing; the columns are those of the left_out table."""

    source: str
    row: int
    column: str
    value: str
    status: str
    reason: str

    def as_row(self) -> dict[str, Any]:
        """Return it as a row of the left_out table, in characters that can be written."""
        return asdict(self) | {"value": self.value[:LONGEST_VALUE].encode(errors="backslashreplace").decode()}


LESSONS = _table(
    "lessons",
    ("premise_id", "lesson"),
    ("premise_id", _STRING, "a premise of the training split"),
    ("lesson", _INT, "numbers the lessons of a premise"),
    ("instruction", _STRING, "or null (a judgment); a question about the premise"),
    ("hypothesis", _STRING, "or null (a question); the hypothesis that is judged"),
    ("response", _STRING, "the right answer, or a probability with two decimals"),
)
MEDIA = _table(
    "media",
    ("media_id",),
    ("media_id", _STRING, "as in items"),
    ("media_path", _STRING, "as in items"),
    ("duration_s", _FLOAT, "or null; seconds"),
    ("fps", _FLOAT, "or null; the average frame rate of the source"),
    ("width_px", _INT, "or null; of the source"),
    ("height_px", _INT, "or null; of the source"),
    ("has_video", _BOOL, "a stream of moving pictures exists and gave frames"),
    ("has_audio", _BOOL, "a sound stream exists and gave samples"),
    ("sample_rate_hz", _INT, "or null; of the source"),
    ("status", _STRING, "ok, no_audio, no_video, corrupt, too_long, unsupported or missing"),
    ("reason", _STRING, "empty when ok, else what is wrong, with the value and the limit"),
)
EVIDENCE = _table(
    "evidence",
    ("media_id",),
    ("media_id", _STRING, "as in items; only media with something usable have a row"),
    ("frames", pa.list_(_BYTES), "JPEG, in order of time; empty without pictures"),
    ("frame_time_s", pa.list_(_FLOAT), "the time of each frame from the start"),
    ("audio", _BYTES, "or null; mono FLAC at the configured rate"),
    ("settings_digest", _STRING, "of the extractor's settings and versions"),
    ("evidence_digest", _STRING, "sha256 of frames and audio: proof of what a model was shown"),
)
VOTES = _table(
    "votes",
    ("item_id", "vote"),
    ("item_id", _STRING, "as in items"),
    ("teacher", _STRING, "the asked model's name in the configuration"),
    ("vote", _INT, "0, 1, ...: fewer votes are a prefix of more"),
    ("seed", _INT, "or null (imported); of this one answer"),
    ("text", _STRING, "the answer as it came, without the reasoning"),
    ("reasoning", _STRING, "or null; thinking output, apart from the answer"),
    ("probability", _FLOAT, "or null; what the answer says, if it says a probability"),
    (
        "parse_status",
        _STRING,
        "ok, percent, out_of_range, missing, truncated, refused, error, no_evidence or not_asked",
    ),
    ("finish_reason", _STRING, "or null; the server's: stop, length, ..."),
    ("prompt_digest", _STRING, "or null (imported); of the template, its version and the rendered words"),
    ("evidence_digest", _STRING, "or null (text alone, or imported); of the evidence that was sent"),
    ("request_digest", _STRING, "of model, words, evidence, sampling and seed; imported: of file, row and vote"),
    ("prompt_tokens", _INT, "or null; as counted by the server, evidence included"),
    ("completion_tokens", _INT, "or null where the server does not count it; of this answer"),
)
TIMINGS = _table(
    "timings",
    ("item_id", "vote"),
    ("item_id", _STRING, "as in items"),
    ("vote", _INT, "as in votes"),
    ("asked_at_s", _FLOAT, "seconds since 1970-01-01 UTC"),
    ("latency_s", _FLOAT, "of the request that brought the vote"),
)
LABELS = _table(
    "labels",
    ("item_id",),
    ("item_id", _STRING, "as in items"),
    ("teacher", _STRING, "as in votes"),
    ("aggregation", _STRING, "mean, max or first"),
    ("n_votes", _INT, "the votes that count: of the first so many, those that were asked for"),
    ("n_parsed", _INT, "of these, the votes that say a probability"),
    ("probability", _FLOAT, "or null where too few votes were parsed"),
    ("vote_std", _FLOAT, "or null with fewer than two parsed votes; sample standard deviation"),
)
PREDICTIONS = _table(
    "predictions",
    ("item_id",),
    ("item_id", _STRING, "as in items"),
    ("model", _STRING, "the model's name in the tables"),
    ("probability", _FLOAT, "or null unless the status is ok"),
    ("distribution", pa.list_(_FLOAT), "or null for models without one; masses of the bins, summing to 1"),
    ("status", _STRING, "ok, no_evidence, no_label or unparsed"),
)
METRICS = _table(
    "metrics",
    ("model", "dataset", "modality", "metric"),
    ("model", _STRING, "as in predictions"),
    ("role", _STRING, "student, teacher, baseline, control or oracle"),
    ("parameters", _INT, "or null; of the model, counted"),
    ("dataset", _STRING, "as in items"),
    ("modality", _STRING, "as in items"),
    ("metric", _STRING, "its name, with its unit"),
    ("value", _FLOAT, "or null where it is undefined"),
    ("ci_low", _FLOAT, "or null; lower end of the interval"),
    ("ci_high", _FLOAT, "or null; upper end of the interval"),
    ("n_items", _INT, "items that the value rests on"),
    ("n_missing", _INT, "items left out because the model gave no probability"),
    ("n_clusters", _INT, "events that the items belong to"),
    ("interval_method", _STRING, "in words"),
    ("predictions_digest", _STRING, "of the prediction rows that the value was computed from"),
)
TRAINING_LOG = _table(
    "training_log",
    ("step",),
    ("step", _INT, "optimizer step, from 1"),
    ("modality", _STRING, "of the step's batches, or mixed"),
    ("loss", _FLOAT, "mean over the step's items; nats for CLUE-D, nats a token for CLUE-T"),
    ("gradient_norm", _FLOAT, "before clipping"),
    ("learning_rate", _FLOAT, "of this step"),
    ("n_tokens", _INT, "in the step's sequences, padding left out"),
    ("padding_share", _FLOAT, "of the step's positions"),
)
TABLES = {
    table.name: table
    for table in (
        ITEMS, LEFT_OUT, LESSONS, MEDIA, EVIDENCE, VOTES, TIMINGS, LABELS, PREDICTIONS, METRICS, TRAINING_LOG,
    )
}  # fmt: skip
