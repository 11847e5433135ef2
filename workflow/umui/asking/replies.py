"""The shapes that replies must have; what has another shape is a failed request, and never gets into a journal."""

import json
import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from umui.answers.printable import printable

MOST_TOKENS = 2**63 - 1  # a column of the votes table holds no more
MOST_LOG_PROBABILITY = 0.01  # 0 but for half-precision numbers
SHOWN_CHARACTERS = 200
Shape = TypeVar("Shape", bound=BaseModel)
TokenCount = Annotated[int, Field(strict=True, ge=0, le=MOST_TOKENS)]
Text = Annotated[str, BeforeValidator(lambda value: printable(value) if isinstance(value, str) else value)]
_DATED = r"(-\d{4}-?\d\d-?\d\d)?"  # some servers name the version that answered


class NotHonoured(ValueError):
    """The server leaves out what it was asked for: a reply's fault, or a server that cannot do it."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, protected_namespaces=())


class Message(_Part):
    """What was said; servers that set the reasoning apart give it one of two names."""

    content: Text | None = None
    reasoning: Text | None = None
    reasoning_content: Text | None = None


class TokenProbability(_Part):
    """A token and its log probability, in nats."""

    token: Text
    logprob: Annotated[float, Field(le=MOST_LOG_PROBABILITY, allow_inf_nan=False)]


class Position(_Part):
    """The likeliest, or the wanted, tokens of one position of an answer."""

    top_logprobs: list[TokenProbability] | None = None


class Probabilities(_Part):
    """The log probabilities along an answer."""

    content: list[Position] | None = None


class AnswerChoice(_Part):
    """One of a reply's answers."""

    index: Annotated[int, Field(ge=0)]
    message: Message
    finish_reason: Text | None = None
    token_ids: list[Any] | None = None
    logprobs: Probabilities | None = None


class Usage(_Part):
    """The server's count of tokens."""

    prompt_tokens: TokenCount | None = None


class Completion(_Part):
    """The reply to a chat request."""

    model: Text | None = None
    choices: list[AnswerChoice]
    usage: Usage | None = None


class ServedModel(_Part):
    """A model that a server serves."""

    id: Text


class ServedModels(_Part):
    """The reply of /models."""

    data: list[ServedModel]


class Tokens(_Part):
    """The reply of /tokenize."""

    count: TokenCount
    tokens: list[TokenCount]


def read(content: bytes, shape: type[Shape]) -> Shape:
    """Return a reply's content in its shape.  Raises ValueError in words when it has another."""
    try:
        return TypeAdapter(shape).validate_python(json.loads(content))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ValueError(f"{where or 'all of it'}: {fault['msg']}; the reply begins {_start(content)}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the reply is not JSON ({error}); it begins {_start(content)}") from None


def check_completion(completion: Completion, n: int, model: str) -> None:
    """Check that a reply brings the `n` answers of `model` that were asked for.

    Raises ValueError in words; NotHonoured where it brings another number.
    """
    if completion.model and not re.fullmatch(re.escape(model) + _DATED, completion.model):
        raise ValueError(f"asked {model!r}, and {printable(completion.model)[:SHOWN_CHARACTERS]!r} answered")
    if len(completion.choices) != n:
        raise NotHonoured(
            f"asked for {n} answers and got {len(completion.choices)}: the server does not honour `n`; use vLLM"
        )
    if sorted(choice.index for choice in completion.choices) != list(range(n)):
        raise ValueError(f"the indices of its {n} answers are not 0 to {n - 1}")


def _start(content: bytes) -> str:
    return repr(content[:SHOWN_CHARACTERS].decode(errors="replace"))
