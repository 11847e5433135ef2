"""One deadline and one size a request: what a server does with a connection costs no more than that."""

import asyncio
from typing import Any

import httpx2
import openai


class BoundedClient(openai.DefaultAsyncHttpxClient):  # type: ignore[misc]  # its types are skipped
    """An HTTP client whose replies come whole, within `deadline_s` from the request's start and `most_bytes`.

    Redirects are not followed: evidence goes to the configured host alone.  What is late or too long is an
    httpx2.RequestError, which the openai library retries.
    """

    def __init__(self, *, trust_env: bool, deadline_s: float, most_bytes: int) -> None:
        super().__init__(trust_env=trust_env, follow_redirects=False, headers={"Accept-Encoding": "identity"})
        self._deadline_s, self._most_bytes = deadline_s, most_bytes

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request, and return its response with all of its content."""
        request.headers["Accept-Encoding"] = "identity"  # a compressed reply could unpack to any size
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await super().send(request, **options | {"stream": True, "follow_redirects": False})
                try:
                    content = await self._content(request, response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx2.ReadTimeout(f"no whole reply within {self._deadline_s:g} s", request=request) from None
        return httpx2.Response(response.status_code, headers=response.headers, content=content, request=request)

    async def _content(self, request: httpx2.Request, response: httpx2.Response) -> bytes:
        if (encoding := response.headers.get("Content-Encoding", "identity")) != "identity":
            raise httpx2.RemoteProtocolError(f"the reply is packed ({encoding[:20]}), unasked", request=request)
        content = bytearray()
        async for piece in response.aiter_raw():
            content += piece
            if len(content) > self._most_bytes:
                raise httpx2.RemoteProtocolError(f"the reply has over {self._most_bytes} bytes", request=request)
        return bytes(content)
