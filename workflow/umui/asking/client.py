"""Ask a server that speaks the OpenAI chat protocol; what goes wrong with a request becomes part of its reply."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from umui.answers.printable import printable
from umui.answers.thinking import ends_in_a_thought, split_reasoning
from umui.answers.token_masses import reading
from umui.asking.messages import Message
from umui.asking.replies import (
    AnswerChoice,
    Completion,
    NotHonoured,
    ServedModels,
    Shape,
    Tokens,
    check_completion,
    read,
)
from umui.asking.server import Address
from umui.config.judges import Judge

ABOUT_THE_REQUEST = frozenset({400, 413, 422})
"""The statuses that refuse a request for what it is; all others are faults of the server or of its settings."""

BYTES_A_TOKEN = 512  # of a reply: its text in escapes, its number, its probability
BYTES_BESIDE = 2**20
LONGEST_ERROR = 2000
LONGEST_PAUSE_S = 8.0


@dataclass(frozen=True)
class Choice:
    """One of a reply's answers; `tokens` is None where the server does not count them."""

    text: str
    reasoning: str | None
    finish_reason: str | None
    tokens: int | None


@dataclass(frozen=True)
class Reply:
    """The answers to one request, in the order of their seeds, or an error that retrying did not mend.

    `refused` says that the error is about this request, and does not speak against the server.
    """

    choices: Sequence[Choice]
    prompt_tokens: int | None
    error: str | None = None
    refused: bool = False


class Client:
    """A client of one server, as an asynchronous context manager.

    Lost connections, timeouts, replies of another shape, and the statuses 408, 409, 429 and 5xx are retried with
    exponentially growing pauses and jitter; other statuses are not.
    """

    def __init__(self, address: Address, settings: Judge) -> None:
        import httpx2  # only the teacher's environment has these
        import openai

        from umui.asking.transport import BoundedClient

        self._openai, self._response = openai, httpx2.Response
        self._address = address
        self._sampling, self._read = settings.sampling, settings.read
        self._retries, self._has_answered = settings.client.retries, False
        self._read_tokens: dict[int, str] = {}  # by their numbers in the vocabulary
        self._api = openai.AsyncOpenAI(
            base_url=address.url,
            api_key=address.key,
            timeout=settings.client.timeout_s,
            max_retries=settings.client.retries,
            http_client=BoundedClient(
                trust_env=not address.ours,  # proxy variables must not lead the traffic with a server of ours astray
                deadline_s=settings.client.timeout_s,
                most_bytes=BYTES_BESIDE + BYTES_A_TOKEN * settings.sampling.votes * settings.sampling.max_tokens,
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()

    async def check_model(self) -> None:
        """Check that the server is there and serves the wanted model, and find the tokens that are read.

        Raises ConnectionError naming the url when it cannot be reached or answers otherwise, ValueError naming what it
        serves when that is another model, or a token that is none of the model's.
        """
        url, wanted = self._address.shown_url, self._address.model
        try:
            models = await self._exchange("GET", "/models", None, ServedModels, lambda _: None)
        except self._openai.APIConnectionError as error:
            raise ConnectionError(
                f"{url}: the server cannot be reached ({self._said(error)}); start it, mend endpoint.url, "
                "or set endpoint to null to have a server started"
            ) from None
        except self._openai.APIStatusError as error:
            raise ConnectionError(
                f"{url}/models: the server answers {self._said(error)}; mend endpoint.url, which "
                "usually ends in /v1, or the key in endpoint.key_variable"
            ) from None
        except ValueError as error:
            raise ConnectionError(f"{url}/models: {self._clean(str(error))}; mend endpoint.url") from None
        served = [self._clean(model.id) for model in models.data]
        if wanted not in [model.id for model in models.data]:
            found = ", ".join(map(repr, served))[:LONGEST_ERROR] or "none"
            raise ValueError(f"{url}: wanted the model {wanted!r}, found {found}")
        for text in self._read.tokens if self._read else []:
            number = await self._number(text)
            if (other := self._read_tokens.setdefault(number, text)) != text:
                raise ValueError(f"read.tokens: {other!r} and {text!r} are one token of the model; give each once")

    async def _number(self, text: str) -> int:
        path, shown = "/tokenize", f"{self._address.shown_url.removesuffix('/v1')}/tokenize"
        url = f"{self._address.url.removesuffix('/v1')}{path}"
        body = {"model": self._address.model, "prompt": text, "add_special_tokens": False}
        try:
            answer = await self._exchange("POST", url, body, Tokens, lambda _: None)
        except self._openai.APIError as error:
            raise ConnectionError(
                f"{shown}: the server answers {self._said(error)}; reading tokens needs vLLM"
            ) from None
        except ValueError as error:
            raise ConnectionError(f"{shown}: {self._clean(str(error))}; reading tokens needs vLLM") from None
        if answer.count != 1 or len(answer.tokens) != 1:
            raise ValueError(f"read.tokens: {text!r} is {answer.count} tokens of the model; give one that is one")
        return answer.tokens[0]

    async def ask(self, messages: list[Message], n: int, seed: int) -> Reply:
        """Ask for `n` answers with the seeds `seed`, `seed` + 1, ...: so vLLM numbers the answers of a request.

        Raises ValueError when a server that has answered nothing yet does not bring what it is asked for.
        """
        body: dict[str, Any] = {
            "model": self._address.model,
            "messages": messages,
            "n": n,
            "seed": seed,
            "temperature": self._sampling.temperature,
            "top_p": self._sampling.top_p,
            "max_tokens": self._sampling.max_tokens,
            "return_token_ids": True,  # vLLM's; it counts the tokens of each answer
        }
        if self._sampling.answer_pattern is not None:
            body["structured_outputs"] = {"regex": self._sampling.answer_pattern}
        if self._read is not None and self._read.opening:
            body["messages"] = [*messages, {"role": "assistant", "content": self._read.opening}]
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        if self._read is not None:  # top_logprobs would give the likeliest of all tokens, perhaps none of these
            body |= {"logprobs": True, "logprob_token_ids": list(self._read_tokens), "return_tokens_as_token_ids": True}

        def check(completion: Completion) -> None:
            check_completion(completion, n, self._address.model)
            for choice in completion.choices if self._read is not None else []:
                self._log_probabilities(choice)

        try:
            completion = await self._exchange("POST", "/chat/completions", body, Completion, check)
        except self._openai.APIStatusError as error:
            return Reply([], None, self._said(error), refused=error.status_code in ABOUT_THE_REQUEST)
        except (self._openai.APIConnectionError, ValueError) as error:
            if isinstance(error, NotHonoured) and not self._has_answered:
                raise ValueError(self._said(error)) from None
            return Reply([], None, self._said(error))
        self._has_answered = True
        found = sorted(completion.choices, key=lambda choice: choice.index)
        prompt_tokens = None if completion.usage is None else completion.usage.prompt_tokens
        return Reply([self._choice(choice) for choice in found], prompt_tokens)

    async def _exchange(
        self,
        method: Literal["GET", "POST"],
        path: str,
        body: dict[str, Any] | None,
        shape: type[Shape],
        check: Callable[[Shape], None],
    ) -> Shape:
        """Return a reply in its shape; one of another shape, or that fails the check, is asked for again.

        Raises the openai library's errors, and ValueError when no reply was as it should be.
        """
        for retry in range(self._retries + 1):
            try:  # plain JSON both ways: the library's typed call takes any shape, and twice the time
                if method == "GET":
                    response = await self._api.get(path, cast_to=self._response)
                else:
                    response = await self._api.post(path, cast_to=self._response, body=body)
                found = read(response.content, shape)
                check(found)
                return found
            except ValueError:
                if retry == self._retries:
                    raise
                await asyncio.sleep(min(0.5 * 2**retry, LONGEST_PAUSE_S))
        raise AssertionError("the last try returns or raises")

    def _choice(self, choice: AnswerChoice) -> Choice:
        """Read the reasoning where the server has set it apart, else where the answer's own tags set it apart.

        A thought that was cut off stays in the text, so that it is known for one whenever the answer is read.
        """
        text = choice.message.content or ""
        given = (choice.message.reasoning, choice.message.reasoning_content)
        reasoning = next((thought for thought in given if thought is not None), None)  # empty: it did not think long
        if self._read is not None:
            text = reading(self._log_probabilities(choice))
        elif reasoning is None and not ends_in_a_thought(text):
            reasoning, text = split_reasoning(text)
        tokens = None if choice.token_ids is None else len(choice.token_ids)
        finish_reason = None if choice.finish_reason is None else self._clean(choice.finish_reason)
        return Choice(self._clean(text), None if reasoning is None else self._clean(reasoning), finish_reason, tokens)

    def _log_probabilities(self, choice: AnswerChoice) -> dict[str, float]:
        """Return those of the tokens that are read, in the order of the configuration.

        Raises NotHonoured when one is not there.
        """
        content = (choice.logprobs.content if choice.logprobs else None) or []
        found = {entry.token: entry.logprob for position in content[:1] for entry in position.top_logprobs or []}
        names = {text: f"token_id:{number}" for number, text in self._read_tokens.items()}
        if missing := [text for text, name in names.items() if name not in found]:
            raise NotHonoured(
                f"no probability of the token {missing[0]!r}: the server does not honour "
                "`logprob_token_ids`; use vLLM 0.32 or later"
            )
        return {text: found[name] for text, name in names.items()}

    def _said(self, error: Exception) -> str:
        """Return what an error says, for people and for the votes table: no key, no broken character, no book."""
        if isinstance(error, self._openai.APIStatusError):
            code = error.status_code
            said = f"{code}: {error.message}" + "; redirects are not followed" * (300 <= code < 400)
        elif isinstance(error, self._openai.APIConnectionError):
            said = f"{error.message} {error.__cause__ or ''}".strip()
        else:
            said = f"{self._address.shown_url}: {error}"
        return self._clean(said)[:LONGEST_ERROR]

    def _clean(self, text: str) -> str:
        return self._address.without_key(printable(text))
