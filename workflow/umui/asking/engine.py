"""The engine that a job asks: an endpoint that is there, or a server of the job's own that serves all of its shards."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from umui.asking.server import Address, flags, serving
from umui.asking.thinking import thinks, with_parser
from umui.asking.usage import usage
from umui.config.judges import Judge
from umui.config.models import Media
from umui.processes.say import say


class Engine:
    """A context manager that starts a server at the first question, and again when it has died.

    Raises ValueError when the endpoint's key is not there.
    """

    def __init__(
        self,
        settings: Judge,
        judge: str,
        model: str,
        revision: str | None,
        media: Media,
        gpus: int,
        workers: int,
        log: Path,
    ) -> None:
        self._settings, self._judge, self._log = settings, judge, log
        self._server = with_parser(settings.server, model) if thinks(settings, model) else settings.server
        self._modalities = [modality for chosen in settings.datasets.values() for modality in chosen]
        self._media, self._model, self._revision = media, model, revision
        self._gpus, self._workers = gpus, workers
        self._address: Address | None = None
        self._starts = 0
        self._running = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def address(self) -> Address:
        """Return where to ask; a server that is not running is started.

        Raises ConnectionError when it cannot be started, or has died more often than it may.
        """
        if self._address is None:
            self._address = self._endpoint() if self._settings.endpoint is not None else self._start()
        elif not self._address.alive():
            self._running.close()
            self._address = self._start()
        return self._address

    def usage(self) -> dict[str, int] | None:
        """Return what our server counts since its start; None when none of ours runs, or when it does not tell."""
        if self._address is not None and self._address.ours:
            with suppress(ConnectionError):
                return usage(self._address.url)
        return None

    def _start(self) -> Address:
        most = self._settings.client.max_restarts + 1
        if self._starts == most:
            raise ConnectionError(
                f"the server died {most} times (client.max_restarts); {self._log} says why; "
                "all votes are kept, and a rerun asks for the rest"
            )
        if self._starts:
            say(f"the server died; it was started {self._starts} times of at most {most}")
        self._starts += 1
        server = serving(
            self._server, self._media, self._modalities, self._judge, self._model, self._revision,
            self._gpus, self._workers, self._log,
        )  # fmt: skip
        return self._running.enter_context(server)

    def _endpoint(self) -> Address:
        endpoint = self._settings.endpoint
        assert endpoint is not None
        needed = " ".join(flags(self._server, self._media, self._modalities))
        key = "none" if endpoint.key_variable is None else os.environ.get(endpoint.key_variable)
        if not key:
            raise ValueError(f"endpoint.key_variable: the environment variable {endpoint.key_variable} is not set")
        address = Address(endpoint.url, key, endpoint.model, ours=False)
        say(f"{self._judge}: asking {address.shown_url}, which must have been started with: {needed}")
        return address
