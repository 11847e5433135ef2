"""The configuration's model: what config.yaml and its overlays may say.

Every value that changes a result stands in config.yaml; nothing scientific has a default here.
Unknown keys are errors.  In the named maps (models, teachers, ...) an overlay removes an entry by setting it to null.
"""

import difflib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from umui.tables import Modality, Split

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Title = Annotated[
    str,
    Field(
        pattern=r"^[\w ,.:;()+/-]+$",
        description="its name in tables: letters, digits, blanks and some marks, no quotes",
    ),
]
T = TypeVar("T")
SECTIONS_WITH_LIKE = ("datasets", "models", "teachers", "baselines", "students")


class ConfigError(ValueError):
    """The configuration is wrong; the message names each key, its value and the remedy."""


class Settings(BaseModel):
    """A frozen section of the configuration; keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def as_json(self) -> str:
        """Return the section as one line of JSON: a rule's parameter and a stage's ``--settings``."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: entry for name, entry in value.items() if entry is not None}
    return value


def _checked_names(value: dict[str, T]) -> dict[str, T]:
    for name in value:
        if not NAME.fullmatch(name):
            raise ValueError(f"the name {name!r} must match {NAME.pattern}, since it becomes part of file names")
    return value


def _checked_distinct(value: list[T]) -> list[T]:
    repeated = sorted({str(entry) for entry in value if value.count(entry) > 1})
    if repeated:
        raise ValueError(f"{', '.join(repeated)}: give each once")
    return value


Distinct = AfterValidator(_checked_distinct)
Named = Annotated[dict[str, T], BeforeValidator(_without_nulls), AfterValidator(_checked_names)]


class Premises(Settings):
    """How many premises of each modality a split of the urn world has."""

    train: Count
    validation: Count
    test: Count


class Urn(Settings):
    """The urn world; its mathematics are in docs/urn.md."""

    kind: Literal["urn"]
    prior_red: Positive = Field(description="a of the Beta(a, b) prior on the share of red balls")
    prior_blue: Positive = Field(description="b of the Beta(a, b) prior on the share of red balls")
    draws_min: Count = Field(description="fewest draws that a premise shows")
    draws_max: Annotated[int, Field(ge=1, le=10)] = Field(description="most draws that a premise shows")
    held_out_share: Share = Field(description="of the draw sequences, kept for the test split in every modality")
    premises: Premises
    hypotheses_train: Annotated[int, Field(ge=1, le=8)] = Field(description="of the 8, how many a training premise has")
    annotators: Count = Field(description="simulated annotators")
    annotator_noise_sd: Positive = Field(description="standard deviation of an annotator's error, in logits")
    slider_step: Annotated[float, Field(gt=0, le=1)] = Field(
        description="annotators' sliders snap to multiples of this probability"
    )
    draw_s: Positive = Field(description="seconds that one draw is seen or heard")
    frame_rate_hz: Positive = Field(description="of the videos that are written")
    frame_size_px: Annotated[int, Field(ge=16, multiple_of=2)] = Field(description="width and height of the videos")
    pixel_noise_sd: float = Field(ge=0, description="of the pictures, in grey levels of 0 to 255")
    sound_noise_sd: float = Field(ge=0, description="of the sounds, where full scale is 1")
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.draws_min > self.draws_max:
            raise ValueError(f"draws_min: {self.draws_min} is more than draws_max, {self.draws_max}")
        if not math.isclose(frames := self.draw_s * self.frame_rate_hz, max(1, round(frames))):
            raise ValueError(f"draw_s x frame_rate_hz: {frames:g} frames a draw; make it a whole number")
        return self


class Manifest(Settings):
    """Pairs from one CSV, JSONL or Parquet file of the user's own; data/README.md has its columns."""

    kind: Literal["manifest"]
    file: str = Field(description="path of the manifest; media paths in it are relative to its directory")

    @property
    def files(self) -> list[str]:
        """The files that the items are made of, media apart."""
        return [self.file]


class Unli(Settings):
    """Uncertain natural language inference: a person's probability for each SNLI pair (Chen et al., ACL 2020)."""

    kind: Literal["unli"]
    directory: str = Field(description="holds train, dev and test.csv of the release, or train, validation, test.jsonl")
    test_split: Literal["validation", "test"] = Field(
        description="which of its splits becomes our test; with validation (the paper's) its test split is unused"
    )

    @property
    def roles(self) -> dict[str, Split | None]:
        """What each of its splits is to us; null: unused."""
        kept = self.test_split == "test"
        return {"train": "train", "validation": "validation" if kept else "test", "test": "test" if kept else None}

    @property
    def layouts(self) -> list[dict[str, Path]]:
        """The files of its splits in either layout: the release's CSV, then JSONL."""
        directory = Path(self.directory)
        release = {"train": "train", "validation": "dev", "test": "test"}
        return [
            {split: directory / f"{name}.csv" for split, name in release.items()},
            {split: directory / f"{split}.jsonl" for split in release},
        ]

    @property
    def files(self) -> list[str]:
        """The files that are there, in either layout; the directory itself when none is."""
        return [str(path) for layout in self.layouts for path in layout.values() if path.is_file()] or [self.directory]


class Clotho(Settings):
    """Clotho Entailment: sounds with a sentence that is entailed, one that may be, and one that contradicts them."""

    kind: Literal["clotho"]
    annotations: str = Field(description="directory of the files clotho_entailment_{split}.csv")
    audio: str | None = Field(description="directory of the directories of each split's sound files; null: no sounds")
    premise: Literal["sound", "caption"] = Field(description="caption: a person's caption stands for the sound")
    caption: Annotated[int, Field(ge=0, le=4)] | None = Field(
        description="which of the five captions is shown; null with premise: sound"
    )
    neutral: Literal["drop", "false", "half"] = Field(
        description="what the neutral sentence of a sound is; half: its probability is 0.5, and it has no label"
    )
    test_split: Literal["validation", "evaluation"] = Field(
        description="which of its splits becomes our test; with validation its evaluation split is unused"
    )

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.premise == "sound" and self.audio is None:
            raise ValueError("audio: null, but premise: sound needs the sounds' directory; or say premise: caption")
        if self.premise == "caption" and self.caption is None:
            raise ValueError("caption: null, but premise: caption needs the number of one, 0 to 4")
        return self

    @property
    def roles(self) -> dict[str, Split | None]:
        """What each of its splits is to us; null: unused."""
        kept = self.test_split == "evaluation"
        return {
            "development": "train",
            "validation": "validation" if kept else "test",
            "evaluation": "test" if kept else None,
        }

    def annotations_of(self, split: str) -> Path:
        """Return the file of one of its splits."""
        return Path(self.annotations) / f"clotho_entailment_{split}.csv"

    @property
    def files(self) -> list[str]:
        """The files of the splits that are used, and of an unused one where it is there."""
        files = {self.annotations_of(split): role for split, role in self.roles.items()}
        return [str(path) for path, role in files.items() if role is not None or path.is_file()]


class WikiVideo(Settings):
    """Claims about events, and which of an event's videos support them; docs/wikivideo.md has the rules."""

    kind: Literal["wikivideo"]
    annotations: str = Field(description="path of final_data_2015-2025.json")
    videos: str = Field(description="directory of the VIDEO.mp4, with their sound")
    audios: str = Field(description="directory of the VIDEO.wav")
    judgments: str | None = Field(description="path of annotation.json, people's probabilities; null: there are none")
    modalities: Annotated[list[Literal["audio", "video", "audiovisual"]], Field(min_length=1), Distinct]
    label_rule: Literal["published", "corrected"] = Field(
        description="corrected: what is shown supports the claim; published: as in the published code"
    )
    test_events: Annotated[list[str], Distinct] = Field(
        description="titles of the events that are held out, with blanks or underscores; the others train"
    )
    negatives: Annotated[list[Literal["train", "test"]], Distinct] = Field(
        description="splits in which a claim also goes with its event's other videos, as not supported"
    )

    @property
    def files(self) -> list[str]:
        """The files that the items are made of, media apart."""
        return [self.annotations] if self.judgments is None else [self.annotations, self.judgments]


Dataset = Annotated[Urn | Manifest | Unli | Clotho | WikiVideo, Field(discriminator="kind")]


def dataset_from_json(text: str) -> Any:
    """Read an entry of the configuration's datasets, of any kind."""
    return TypeAdapter(Dataset).validate_json(text)


class Media(Settings):
    """Extraction of evidence, and the limits that media from anywhere must keep."""

    frame_rate_hz: Positive = Field(description="frames a second of evidence")
    frame_size_px: Annotated[int, Field(ge=28, multiple_of=2)] = Field(description="width and height of a frame")
    jpeg_quality: Annotated[int, Field(ge=1, le=31)] = Field(description="ffmpeg's scale: 1 is best, 31 is worst")
    sample_rate_hz: Annotated[int, Field(ge=8000)] = Field(description="of the sound")
    max_duration_s: Positive
    max_pixels: Count = Field(description="width x height of a source's picture")
    max_streams: Count
    max_output_bytes: Count = Field(description="of the frames and the sound of one file")
    max_damage_share: Share = Field(
        description="of a stream's packets that may fail to decode, and of its claimed length that may be missing"
    )
    timeout_s: Positive = Field(description="wall time of the extraction of one file")
    ffmpeg: str | None = Field(description="path of an ffmpeg binary; null takes the one from the imageio-ffmpeg wheel")


class Tiny(Settings):
    """A tiny model made on the spot, from random weights, on the lessons of the datasets' training splits."""

    curriculum: Literal["describe", "judge"] = Field(
        description="describe: questions about the premise (a student's base); judge: also judgments (a teacher)"
    )
    hidden_size: Annotated[int, Field(ge=32, multiple_of=32)]
    layers: Count
    tower_hidden_size: Annotated[int, Field(ge=32, multiple_of=32)]
    tower_layers: Count
    max_audio_s: Annotated[int, Field(ge=1)] = Field(description="longest sound that the model hears, in seconds")
    steps: Count
    premises_per_step: Count = Field(description="of each modality")
    lessons_per_premise: Count
    learning_rate: Positive
    seed: int


class Model(Settings):
    """A model: made on the spot (`tiny`), or a directory or hub name (`path`) at a commit (`revision`)."""

    family: str = Field(description="an entry of families, which says what the model may be shown")
    path: str | None = None
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = Field(
        default=None, description="40 hexadecimal digits: a branch such as main may move"
    )
    tiny: Tiny | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.path is None) == (self.tiny is None):
            raise ValueError("give either `path` (a directory or a hub name) or `tiny` (made on the spot)")
        return self


class Sampling(Settings):
    """How an answer is drawn; `votes` are drawn with seeds that never meet those of another item."""

    votes: Count
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    max_tokens: Count
    seed: int
    answer_pattern: str | None = Field(description="regular expression that the answer is forced to match, or null")


class Server(Settings):
    """The vLLM server that a labelling job starts."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"]
    max_model_len: Count = Field(description="tokens of prompt and answer")
    max_num_seqs: Count = Field(description="answers in the making at a time")
    block_size: Count = Field(description="tokens of a block of the prefix cache")
    start_timeout_s: Positive
    kv_cache_gib: Positive | None = Field(description="on a CPU: memory for keys and values; null on GPUs")
    arguments: list[str] = Field(description="further arguments of vllm serve, such as --tensor-parallel-size, 4")


class Endpoint(Settings):
    """A server that is already there, instead of one that the job starts."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    model: str = Field(description="the name that the server gives the model")
    key_variable: str | None = Field(description="environment variable that holds the key; null: no key")


class Client(Settings):
    """How the client treats the server."""

    concurrency: Count = Field(description="requests under way at a time")
    timeout_s: Positive = Field(description="of one request")
    retries: Annotated[int, Field(ge=0)]
    max_error_share: Share = Field(description="of the requests; above it the run stops, keeping every vote")
    max_restarts: Annotated[int, Field(ge=0)] = Field(description="of a server of ours that dies")


class Judge(Settings):
    """A model that is asked: a teacher, or a zero-shot baseline."""

    title: Title
    model: str
    prompt: str = Field(description="a template of workflow/umui/prompts, without its suffix")
    datasets: Named[list[Modality]] = Field(description="what it is asked about: dataset -> modalities")
    splits: list[Literal["train", "validation", "test"]]
    sampling: Sampling
    server: Server
    endpoint: Endpoint | None
    client: Client


class ImportedTeacher(Settings):
    """A teacher whose votes on a dataset are read from published files; docs/wikivideo.md has their format."""

    title: Title
    dataset: str
    modalities: Annotated[list[Literal["audio", "video", "audiovisual"]], Field(min_length=1), Distinct]
    splits: Annotated[list[Split], Field(min_length=1), Distinct]
    files: Annotated[list[str], Field(min_length=1), Distinct]
    form: Literal["scalar", "binary", "digits"] = Field(
        description="of an answer: a text with a probability, or with Yes or No; or the probabilities of digits 0 to 9"
    )
    thinking: bool = Field(description="whether a text without </think> is thinking that was cut off, and no answer")
    votes: Count = Field(description="of an item; where the files have fewer, the others are missing")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.form == "digits" and (self.votes != 1 or self.thinking):
            raise ValueError("form: digits are one vote, without thinking; set votes: 1 and thinking: false")
        return self


class Label(Settings):
    """An aggregation of a teacher's votes."""

    aggregation: Literal["mean", "max", "first"] = Field(
        description="max: the mean over the votes on the majority's side of 0.5"
    )
    votes: Count = Field(description="the first so many of the stored votes")
    min_parsed: Count = Field(description="with fewer parsed votes an item has no label")


class Lora(Settings):
    """Low-rank adapters on the text decoder's linear layers."""

    rank: Count
    alpha: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    targets: list[Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]]


class TrainingSource(Settings):
    """Which items of a dataset train a student, and what their labels are."""

    modalities: list[Modality]
    teacher: str | None = Field(description="whose labels; null takes the dataset's own probabilities")
    label: str | None = Field(description="an entry of `labels`; null with the dataset's own probabilities")
    agreement_filter: bool = Field(
        description="train only on labels on the same side of 0.5 as the data set's own (the published code)"
    )


class Training(Settings):
    """The optimisation of a student."""

    steps: Count | None = Field(description="optimizer steps; null: as many as `epochs` take")
    epochs: Positive | None = Field(description="passes over the premises; null where `steps` says how long")
    premises_per_batch: Count = Field(description="of a micro-batch on one rank")
    hypotheses_per_premise: Count = Field(description="most hypotheses of a premise in a micro-batch")
    accumulation: Count = Field(description="micro-batches of an optimizer step")
    batching: Literal["by_modality", "mixed"] = Field(
        description="by_modality: all micro-batches of a step hold one modality (paper, section 3.3)"
    )
    negative_ratio: Positive | None = Field(
        description="items with labels below 0.5 for each one at or above, at most; null keeps all (paper, Table 4)"
    )
    learning_rate: Positive
    warmup_steps: Annotated[int, Field(ge=0)]
    schedule: Literal["constant", "cosine"]
    weight_decay: Annotated[float, Field(ge=0)]
    gradient_clip: Positive
    dtype: Literal["float32", "bfloat16"]
    zero_stage: Literal[1, 2]
    checkpoint_every: Count = Field(description="optimizer steps between checkpoints")
    ranks: Count = Field(description="processes, each with a GPU where there are GPUs")
    seed: int

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give either `steps` or `epochs`, and null for the other")
        return self


class Student(Settings):
    """A student: CLUE-D (`distribution`) or CLUE-T (`text`)."""

    title: Title
    base: str
    read_out: Literal["distribution", "text"]
    prompt: str
    bins: Annotated[int, Field(ge=2)] = Field(description="of the distribution over [0, 1]")
    sigma: Positive = Field(description="of the Gaussian target")
    target: Literal["gaussian", "integrated", "mean_matched"] = Field(
        description="gaussian: densities at the bins (the paper); integrated: each bin's mass; mean_matched: unbiased"
    )
    loss: Literal["kl", "mse"] = Field(description="of a distribution: divergence from the target, or squared error")
    sources: Named[TrainingSource]
    lora: Lora
    training: Training
    batch_premises: Count = Field(description="premises of a batch in prediction")


class HypothesisOnly(Settings):
    """The control that never sees the premise: ridge regression on the hypothesis' words."""

    ngram_max: Count
    l2: Positive


class Evaluation(Settings):
    """Figures and their intervals."""

    splits: list[Literal["validation", "test"]]
    confidence: Annotated[float, Field(gt=0, lt=1)]
    replicates: Annotated[int, Field(ge=100)] = Field(description="of the cluster bootstrap")
    reliability_bins: Count = Field(description="of reliability diagrams, and of the expected calibration error")
    probability_clip: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        description="log likelihoods and logits take probabilities as at least this far from 0 and 1"
    )
    calibration_split: Literal["validation", "test"] | None = Field(
        description="held out, not among `splits`, to fit each model's temperature on; null fits none"
    )
    hypothesis_only: HypothesisOnly
    seed: int

    @model_validator(mode="after")
    def _held_out(self) -> Self:
        if self.calibration_split in self.splits:
            raise ValueError(
                f"calibration_split: {self.calibration_split!r} is among the evaluated splits; name another, or null"
            )
        return self


class Costs(Settings):
    """What the forecast of a run's cost assumes; it changes no result."""

    media_s: Positive = Field(description="typical length of a medium")
    tokens_a_frame: Positive = Field(description="of the model's prompt")
    sound_tokens_per_s: Positive
    completion_tokens: Count = Field(description="of a typical answer, reasoning included")
    prompt_tokens_per_s: Positive | None = Field(description="that one GPU reads; null: not measured, no hours")
    completion_tokens_per_s: Positive | None = Field(description="that one GPU writes")
    training_tokens_per_s: Positive | None = Field(description="that one GPU trains on")


class Environments(Settings):
    """The lock file, in envs/, of each family of stages."""

    student: str
    teacher: str


class Config(Settings):
    """All of it."""

    shards: Annotated[int, Field(ge=1, le=4096)] = Field(description="pieces of the work on media, votes, predictions")
    environments: Environments
    datasets: Named[Dataset]
    media: Media
    families: Named[list[Modality]] = Field(description="the modalities that models of each family may be shown")
    models: Named[Model]
    teachers: Named[Judge]
    baselines: Named[Judge]
    imported_teachers: Named[ImportedTeacher]
    labels: Named[Label]
    students: Named[Student]
    evaluation: Evaluation
    costs: Costs

    @model_validator(mode="after")
    def _references(self) -> Self:
        datasets = self.datasets
        if not datasets:
            raise ValueError("datasets: give at least one")
        names = [*self.teachers, *self.baselines, *self.imported_teachers]
        if shared := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{shared}: the names of teachers, baselines and imported_teachers must differ")
        for name, model in self.models.items():
            _known(model.family, self.families, f"models.{name}.family", "families")
        for kind in ("teachers", "baselines"):
            for name, judge in getattr(self, kind).items():
                _known(judge.model, self.models, f"{kind}.{name}.model", "models")
                for dataset, modalities in judge.datasets.items():
                    where = f"{kind}.{name}.datasets.{dataset}"
                    _known(dataset, datasets, where, "datasets")
                    family = self.models[judge.model].family
                    if unseen := set(modalities) - set(self.families[family]):
                        raise ValueError(
                            f"{where}: {', '.join(sorted(unseen))}: not what families.{family} may be shown"
                        )
        for name, student in self.students.items():
            _known(student.base, self.models, f"students.{name}.base", "models")
            for dataset, source in student.sources.items():
                where = f"students.{name}.sources.{dataset}"
                _known(dataset, datasets, where, "datasets")
                if (source.teacher is None) != (source.label is None):
                    raise ValueError(f"{where}: `teacher` and `label` go together; null both for the dataset's own")
                if source.teacher is not None and source.label is not None:
                    _known(source.teacher, {**self.teachers, **self.imported_teachers}, f"{where}.teacher", "teachers")
                    _known(source.label, self.labels, f"{where}.label", "labels")
        for name, label in self.labels.items():
            if label.min_parsed > label.votes:
                raise ValueError(f"labels.{name}.min_parsed: {label.min_parsed} is more than its {label.votes} votes")
            for teacher, judge in self.teachers.items():
                if label.votes > judge.sampling.votes:
                    raise ValueError(
                        f"labels.{name}.votes: {label.votes}, but teachers.{teacher}.sampling.votes is "
                        f"{judge.sampling.votes}; raise the latter (only the missing votes are then asked for)"
                    )
        return self

    @model_validator(mode="after")
    def _imported(self) -> Self:
        for name, teacher in self.imported_teachers.items():
            _known(teacher.dataset, self.datasets, f"imported_teachers.{name}.dataset", "datasets")
        for name, student in self.students.items():
            for dataset, source in student.sources.items():
                where = f"students.{name}.sources.{dataset}"
                imported = self.imported_teachers.get(source.teacher or "")
                if imported is None or source.label is None:
                    continue
                if imported.dataset != dataset:
                    raise ValueError(f"{where}.teacher: {source.teacher} has votes on {imported.dataset} alone")
                if unseen := set(source.modalities) - set(imported.modalities):
                    raise ValueError(f"{where}.modalities: {source.teacher} has no votes on {sorted(unseen)}")
                if imported.votes < (wanted := self.labels[source.label].votes):
                    raise ValueError(
                        f"{where}.label: {source.label} takes {wanted} votes, imported_teachers.{source.teacher} has "
                        f"{imported.votes}; choose a label of fewer votes"
                    )
        return self

    @property
    def judges(self) -> dict[str, Judge]:
        """Return all models that are asked through a server: the teachers, then the baselines."""
        return {**self.teachers, **self.baselines}

    @property
    def votes(self) -> dict[str, int]:
        """Return how many votes on an item there are of each judge and imported teacher."""
        asked = {name: judge.sampling.votes for name, judge in self.judges.items()}
        return asked | {name: teacher.votes for name, teacher in self.imported_teachers.items()}


def _known(name: str, entries: Mapping[str, object], where: str, kind: str) -> None:
    if name not in entries:
        raise ValueError(f"{where}: {name!r} is not among the {kind}: {', '.join(sorted(entries)) or 'there are none'}")


def load(config: Mapping[str, Any]) -> Config:
    """Check a merged configuration.

    Raises ConfigError with one line a fault: the key, the value, what is wrong, and what would be right.
    """
    config = _with_likes(config)
    try:
        return Config.model_validate(config)
    except ValidationError as error:
        lines = [_explain(fault, config) for fault in error.errors()]
        raise ConfigError("the configuration has faults:\n" + "\n".join(f"  - {line}" for line in lines)) from None


def _with_likes(config: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the entries of named maps that say ``like: OTHER``: they differ from that entry in their own keys alone.

    Raises ConfigError when there is no such entry, or when it is like another itself.
    """
    completed = dict(config)
    for section in SECTIONS_WITH_LIKE:
        entries = config.get(section)
        if not isinstance(entries, Mapping):
            continue
        completed[section] = dict(entries)
        for name, entry in entries.items():
            if not isinstance(entry, Mapping) or "like" not in entry:
                continue
            where, other = f"{section}.{name}.like", entries.get(str(entry["like"]))
            if not isinstance(other, Mapping):
                raise ConfigError(
                    f"{where}: {entry['like']!r} is not among the {section}: {', '.join(sorted(entries))}"
                )
            if "like" in other:
                raise ConfigError(f"{where}: {entry['like']!r} is like another itself; name {other['like']!r}")
            completed[section][name] = _merged(other, {key: entry[key] for key in entry if key != "like"})
    return completed


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _explain(fault: Any, config: Mapping[str, Any]) -> str:
    path = [str(part) for part in fault["loc"]]
    of_kind = path[:1] == ["datasets"] and len(path) > 2  # such a path names the kind, which is no key, after the name
    where = ".".join(path[:2] + path[3:] if of_kind else path) or "config"
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(path[-1], _fields_at(path[:-1]), n=1)
        return f"{where}: unknown key" + (f"; did you mean {close[0]!r}?" if close else "; remove it")
    if fault["type"] == "missing":
        return f"{where}: missing; config.yaml has every key with its meaning"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "value_error":
        return message if not path else f"{where}: {message}"
    return f"{where}: {json.dumps(fault['input'], default=str)[:80]}: {message[0].lower()}{message[1:]}"


def _fields_at(path: list[str]) -> list[str]:
    """Return the keys that may stand at a place of the configuration."""
    schema = Config.model_json_schema()
    node: dict[str, Any] = schema
    for part in path:
        if "discriminator" in node:  # the part is a kind
            node = schema["$defs"][node["discriminator"]["mapping"][part].rsplit("/", 1)[1]]
            continue
        node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        options = [node, *node.get("anyOf", [])]
        reference = next((option["$ref"] for option in options if "$ref" in option), None)
        if reference:
            node = schema["$defs"][reference.rsplit("/", 1)[1]]
    return list(node.get("properties", {}))


if __name__ == "__main__":
    print(json.dumps(Config.model_json_schema(), indent=1))
