"""Ask a server that speaks the OpenAI chat protocol; what goes wrong with a request becomes part of its reply."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from umui.answers.parsing import split_reasoning
from umui.answers.token_masses import reading
from umui.asking.messages import Message
from umui.asking.server import Address
from umui.config.judges import Judge


@dataclass(frozen=True)
class Choice:
    """One of a reply's answers; `tokens` is None where the server does not count them."""

    text: str
    reasoning: str | None
    finish_reason: str | None
    tokens: int | None


@dataclass(frozen=True)
class Reply:
    """The answers to one request, in the order of their seeds, or an error that retrying did not mend."""

    choices: Sequence[Choice]
    prompt_tokens: int | None
    error: str | None = None


class Client:
    """A client of one server, as an asynchronous context manager.

    Lost connections, timeouts, and the statuses 408, 409, 429 and 5xx are retried with exponentially growing pauses
    and jitter; other statuses are not.
    """

    def __init__(self, address: Address, settings: Judge) -> None:
        import openai  # only the teacher's environment has it

        self._openai = openai
        self._address = address
        self._sampling, self._read = settings.sampling, settings.read
        self._read_tokens: dict[int, str] = {}  # by their numbers in the vocabulary
        self._api = openai.AsyncOpenAI(
            base_url=address.url,
            api_key=address.key,
            timeout=settings.client.timeout_s,
            max_retries=settings.client.retries,
            # proxy variables must not lead the traffic with a server of ours astray
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not address.ours),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._api.close()

    async def check_model(self) -> None:
        """Check that the server is there and serves the wanted model, and find the tokens that are read.

        Raises ConnectionError naming the url when it cannot be reached, ValueError naming what it serves when that is
        another model, or a token that is none of the model's.
        """
        url, wanted = self._address.url, self._address.model
        try:
            served = [model.id async for model in self._api.models.list()]
        except self._openai.APIConnectionError as error:
            raise ConnectionError(
                f"{url}: the server cannot be reached ({error.__cause__ or error}); start it, mend endpoint.url, "
                "or set endpoint to null to have a server started"
            ) from error
        except self._openai.APIStatusError as error:
            raise ConnectionError(
                f"{url}/models: the server answers {error.status_code} ({error.message}); mend endpoint.url, which "
                "usually ends in /v1, or the key in endpoint.key_variable"
            ) from error
        if wanted not in served:
            raise ValueError(f"{url}: wanted the model {wanted!r}, found {', '.join(map(repr, served)) or 'none'}")
        for text in self._read.tokens if self._read else []:
            number = await self._number(text)
            if (other := self._read_tokens.setdefault(number, text)) != text:
                raise ValueError(f"read.tokens: {other!r} and {text!r} are one token of the model; give each once")

    async def _number(self, text: str) -> int:
        url = f"{self._address.url.removesuffix('/v1')}/tokenize"
        body = {"model": self._address.model, "prompt": text, "add_special_tokens": False}
        try:
            answer: Any = await self._api.post(url, cast_to=object, body=body)
        except self._openai.APIStatusError as error:
            raise ConnectionError(
                f"{url}: the server answers {error.status_code} ({error.message}); reading tokens needs vLLM"
            ) from error
        if answer["count"] != 1:
            raise ValueError(f"read.tokens: {text!r} is {answer['count']} tokens of the model; give one that is one")
        number: int = answer["tokens"][0]
        return number

    async def ask(self, messages: list[Message], n: int, seed: int) -> Reply:
        """Ask for `n` answers, drawn with the seeds `seed`, `seed` + 1, ...: so vLLM numbers the answers of a request.

        Raises ValueError when the server gives another number of answers than it was asked for.
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
        try:  # plain JSON both ways: the library's typed call spends twice the client's time on media and token numbers
            completion: Any = await self._api.post("/chat/completions", cast_to=object, body=body)
        except self._openai.APIStatusError as error:
            return Reply([], None, f"{error.status_code}: {error.message}")
        except self._openai.APIConnectionError as error:
            return Reply([], None, f"{error.message} {error.__cause__ or ''}".strip())
        found = sorted(completion["choices"], key=lambda choice: int(choice["index"]))
        if len(found) != n:
            raise ValueError(
                f"{self._address.url}: asked for {n} answers and got {len(found)}: the server does not "
                "honour `n`; use vLLM"
            )
        usage = completion.get("usage") or {}
        return Reply([self._choice(choice) for choice in found], usage.get("prompt_tokens"))

    def _choice(self, choice: dict[str, Any]) -> Choice:
        """Read the reasoning where the server has set it apart, else where the answer's own tags set it apart."""
        message = choice["message"]
        text = message.get("content") or ""
        reasoning = message.get("reasoning") or message.get("reasoning_content")
        if self._read is not None:
            text = reading(self._log_probabilities(choice))
        elif not reasoning:
            reasoning, text = split_reasoning(text)
        tokens = choice.get("token_ids")
        return Choice(text, reasoning, choice.get("finish_reason"), None if tokens is None else len(tokens))

    def _log_probabilities(self, choice: dict[str, Any]) -> dict[str, float]:
        """Return those of the tokens that are read, in the order of the configuration."""
        content = (choice.get("logprobs") or {}).get("content") or [{}]
        found = {entry["token"]: entry["logprob"] for entry in content[0].get("top_logprobs", [])}
        names = {text: f"token_id:{number}" for number, text in self._read_tokens.items()}
        if missing := [text for text, name in names.items() if name not in found]:
            raise ValueError(
                f"{self._address.url}: no probability of the token {missing[0]!r}: the server does not honour "
                "`logprob_token_ids`; use vLLM 0.32 or later"
            )
        return {text: found[name] for text, name in names.items()}
