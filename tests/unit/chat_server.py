"""A server that speaks enough of the chat protocol to be asked, and misbehaves when told to."""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any, BinaryIO

Fault = Callable[[int, dict[str, Any]], tuple[int, str] | None]
Reply = bytes | Callable[[BinaryIO], None] | None


@dataclass
class ChatServer:
    """What the server serves and was asked.

    `fault` maps a request's number and body to a status and a message; from request number `dies_at` on it hangs up.
    `mangled` maps a request's number and the honest reply to the body of a reply with status 200, or to what is done
    with the connection instead; None leaves the honest reply.
    """

    url: str = ""
    model: str = "judge"
    fault: Fault = lambda number, body: None
    mangled: Callable[[int, dict[str, Any]], Reply] = lambda number, honest: None
    models: Reply = None
    delay_s: float = 0.0
    counts_tokens: bool = True
    honours_n: bool = True
    dies_at: int | None = None
    reads_tokens: bool = True
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    most_under_way: int = 0
    under_way: int = 0
    lock: Any = field(default_factory=Lock)

    @property
    def dead(self) -> bool:
        """Whether the server has got the request that kills it."""
        return self.dies_at is not None and len(self.bodies) >= self.dies_at

    @property
    def seeds(self) -> list[int]:
        """The seeds of all answers that were asked for, in order."""
        return sorted(body["seed"] + child for body in self.bodies for child in range(body["n"]))

    def honest(self, body: dict[str, Any]) -> dict[str, Any]:
        """The reply to a request, its choices in another order than their indices."""
        choices = [
            {
                "index": child,
                "message": {"role": "assistant", "content": said(body["seed"] + child)},
                "finish_reason": "stop",
                **({"token_ids": [1, 2, 3]} if self.counts_tokens else {}),
                **({"logprobs": self.logprobs(body)} if body.get("logprobs") else {}),
            }
            for child in range(body["n"] if self.honours_n else 1)
        ]
        usage = {"prompt_tokens": 7, "completion_tokens": 3 * len(choices), "total_tokens": 7 + 3 * len(choices)}
        return {"id": "0", "object": "chat.completion", "created": 0, "model": self.model,
                "choices": choices[::-1], "usage": usage}  # fmt: skip

    def logprobs(self, body: dict[str, Any]) -> dict[str, Any]:
        """The log probabilities of the wanted tokens, which are one character each."""
        wanted = body["logprob_token_ids"] if self.reads_tokens else []
        entries = [{"token": f"token_id:{number}", "logprob": log_probability(body["seed"], chr(number))}
                   for number in wanted]  # fmt: skip
        return {"content": [{"token": "token_id:0", "logprob": -1.0, "top_logprobs": entries}]}


def log_probability(seed: int, token: str) -> float:
    """What the model says of a token: a function of the seed, which stands for the item, and the token."""
    return -3.0 - random.Random(f"{seed} {token}").random()


def said(seed: int) -> str:
    """What the model answers with a seed: a function of the seed alone, as with a real one."""
    return f"<answer>{random.Random(seed).random():.2f}</answer>"


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    state = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path != "/v1/models":
                return self._send(404, {"error": {"message": "no such page"}})
            if state.models is not None:
                return self._mangled(state.models)
            self._send(200, {"object": "list", "data": [{"id": state.model, "object": "model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/tokenize":
                numbers = [ord(character) for character in body["prompt"]]
                return self._send(200, {"tokens": numbers, "count": len(numbers)})
            with state.lock:
                state.bodies.append(body)
                state.keys.add(self.headers["Authorization"])
                number = len(state.bodies)
                state.under_way += 1
                state.most_under_way = max(state.most_under_way, state.under_way)
            time.sleep(state.delay_s)
            if state.dead:
                self.close_connection = True
                return None
            fault = state.fault(number, body)
            with state.lock:
                state.under_way -= 1
            if fault is not None:
                return self._send(fault[0], {"error": {"message": fault[1], "code": fault[0]}})
            honest = state.honest(body)
            reply = state.mangled(number, honest)
            return self._send(200, honest) if reply is None else self._mangled(reply)

        def _mangled(self, reply: bytes | Callable[[BinaryIO], None]) -> None:
            if isinstance(reply, bytes):
                return self._send(200, reply)
            self.close_connection = True
            with suppress(OSError):
                reply(self.wfile)

        def _send(self, status: int, content: dict[str, Any] | bytes) -> None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
