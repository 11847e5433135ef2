"""The configuration of models that are asked, of votes that others published, and of labels made of votes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from umui.config.base import Count, Distinct, Fields, Named, Positive, Settings, Share, Title
from umui.tables import Modality, Split

NOT_IDENTITY: Fields = {
    "title": True,
    "client": True,
    "endpoint": {"url": True, "key_variable": True},
    "server": {"start_timeout_s": True},
}
"""The fields of a judge that no answer depends on: a change of them asks nothing, and reruns nothing."""


class Adaptive(Settings):
    """Votes until the mean of an item is known well enough (asking/adaptive.py); docs/adaptive-votes.md."""

    width: Share = Field(description="of the confidence sequence of an item's mean, at which asking stops")
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(description="of that sequence, over all numbers of votes")
    first: Count = Field(description="votes that every item gets")
    step: Count = Field(description="further votes of an item that is asked again")


class Sampling(Settings):
    """How an answer is drawn; `votes` are drawn with seeds that never meet those of another item."""

    votes: Count
    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    max_tokens: Count
    seed: int
    answer_pattern: str | None = Field(description="regular expression that the answer is forced to match, or null")
    adaptive: Adaptive | None = Field(description="when to stop before `votes`; null: never")

    @model_validator(mode="after")
    def _adaptive(self) -> Self:
        if self.adaptive is None:
            return self
        if self.temperature == 0:
            raise ValueError("adaptive: all votes of temperature 0 are alike; raise the temperature, or set null")
        if self.adaptive.first > self.votes:
            raise ValueError(f"adaptive.first: {self.adaptive.first} is more than the {self.votes} votes")
        return self


class Server(Settings):
    """The vLLM server that a labelling job starts."""

    dtype: Literal["float32", "bfloat16", "float16", "auto"]
    max_model_len: Count = Field(description="tokens of prompt and answer")
    max_num_seqs: Count = Field(description="answers in the making at a time")
    block_size: Count = Field(description="tokens of a block of the prefix cache")
    start_timeout_s: Positive
    kv_cache_gib: Positive | None = Field(description="on a CPU: memory for keys and values; null on GPUs")
    tensor_parallel: Count = Field(description="GPUs that share a copy of the model; a job's others hold more copies")
    arguments: list[str] = Field(description="further arguments of vllm serve, such as --enable-expert-parallel")


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


class Read(Settings):
    """An answer that is read off the next token's probabilities instead of drawn.

    It is the mean of `values` under the probabilities of `tokens`, which are made to sum to 1.
    """

    opening: str = Field(description="what the answer begins with, before the token that is read; may be empty")
    tokens: Annotated[list[str], Field(min_length=2, max_length=128), Distinct] = Field(
        description="each one token of the model's vocabulary; 128 is the most that vLLM reads"
    )
    values: list[Share] = Field(description="the probability that each token stands for")

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.tokens) != len(self.values):
            raise ValueError(f"values: {len(self.values)} for {len(self.tokens)} tokens; give each token its value")
        return self


class Judge(Settings):
    """A model that is asked: a teacher, or a zero-shot baseline."""

    title: Title
    model: str
    prompt: str = Field(description="a template of workflow/umui/prompts, without its suffix")
    datasets: Named[list[Modality]] = Field(description="what it is asked about: dataset -> modalities")
    splits: list[Literal["train", "validation", "test"]]
    sampling: Sampling
    jobs: Count = Field(description="that share the shards; each starts one server and asks about its shards in turn")
    read: Read | None = Field(default=None, description="how an answer is read; left out, it is drawn and parsed")
    thinking: bool | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="whether an answer without the mark that ends a thought is thinking that was cut off, and no "
        "answer; left out, the model's chat template says it, or its name",
    )
    server: Server
    endpoint: Endpoint | None
    client: Client

    @model_validator(mode="after")
    def _read_once(self) -> Self:
        once = {"votes": 1, "temperature": 0.0, "max_tokens": 1, "answer_pattern": None}
        given = {name: getattr(self.sampling, name) for name in once}
        if self.read is not None and given != once:
            raise ValueError(
                "sampling: an answer that is read is one token without chance; "
                "set votes: 1, temperature: 0.0, max_tokens: 1, answer_pattern: null"
            )
        return self


class ImportedTeacher(Settings):
    """A teacher whose votes on a dataset are read from published files (docs/wikivideo.md, docs/sharing.md)."""

    title: Title
    dataset: str
    modalities: Annotated[list[Modality], Field(min_length=1), Distinct]
    splits: Annotated[list[Split], Field(min_length=1), Distinct]
    files: Annotated[list[str], Field(min_length=1), Distinct]
    form: Literal["scalar", "binary", "digits", "votes"] = Field(
        description="of an answer: a text with a probability, with Yes or No, or the probabilities of digits 0 to 9; "
        "votes: files are manifests of `umui publish-votes`"
    )
    thinking: bool = Field(
        description="as of teachers: whether a text without </think>, or another mark that ends a thought, is no answer"
    )
    votes: Count = Field(description="of an item; where the files have fewer, the others are missing")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.form == "digits" and (self.votes != 1 or self.thinking):
            raise ValueError("form: digits are one vote, without thinking; set votes: 1 and thinking: false")
        if self.form == "votes" and self.thinking:
            raise ValueError("thinking: the answers of form: votes were read when they came; set it to false")
        if self.form != "votes" and "text" in self.modalities:
            raise ValueError("modalities: text: published answers do not say what a text premise was; remove it")
        return self


class Label(Settings):
    """An aggregation of a teacher's votes."""

    aggregation: Literal["mean", "max", "first"] = Field(
        description="max: the mean over the votes on the majority's side of 0.5"
    )
    votes: Count = Field(description="the first so many of the stored votes")
    min_parsed: Count = Field(description="with fewer parsed votes an item has no label")
