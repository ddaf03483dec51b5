"""A server that speaks OpenAI's chat completions, timed as its bytes arrive."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from ipaddress import ip_address
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from gb10docs.bench import stream
from gb10docs.bench.dialects import Dialect
from gb10docs.bench.metrics import Request
from gb10docs.bench.stream import Arrival, BrokenStreamError, complaint
from gb10docs.errors import GB10DocsError

if TYPE_CHECKING:
    import aiohttp

STAND_IN_HEADER = "x-gb10docs-stand-in"
KEY = "OPENAI_API_KEY"
"""Variable with the key that is sent, if it is set: the one that OpenAI's own client reads."""

TIMEOUT_S = 600.0

Heard = Callable[[bytes], None]


class NoServerError(GB10DocsError):
    """Nothing answers at the address."""


class UnknownModelError(GB10DocsError):
    """The server does not serve the model that was asked for."""


class RefusedError(GB10DocsError):
    """The server answered with an error instead of a stream."""


class Server:
    """Kept-alive connections to one server; proxies of the environment are not used.

    Args:
        url: Its address, with or without `/v1`.
        timeout: Seconds of silence after which a request is given up.

    Raises:
        NoServerError: `url` is no address.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT_S) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        host, self.port = _address(self.url)
        self.local = _is_local(host)
        """Whether it is on this machine, as far as its address says."""
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        import aiohttp

        key = os.environ.get(KEY)
        self._http = aiohttp.ClientSession(
            headers={"authorization": f"Bearer {key}"} if key else {},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=self._timeout, sock_connect=self._timeout),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def ask(self, body: dict[str, Any], heard: Heard = lambda _: None) -> tuple[float, Request]:
        """Send one request, read its stream to the end, and return when it was sent and what it shows.

        Raises:
            GB10DocsError: One of the kinds above, or `BrokenStreamError`, in a sentence for people.
        """
        import aiohttp

        try:
            t0 = perf_counter()
            async with self._http.post(f"{self.url}/v1/chat/completions", json=body) as response:
                if response.status != 200:
                    raise await self._refusal(response, body["model"])
                arrivals = await _arrivals(response, heard)
            return t0, stream.read(t0, arrivals, response.headers.get(STAND_IN_HEADER))
        except BrokenStreamError as error:
            raise BrokenStreamError(f"{self.url}: {error}") from None
        except aiohttp.ClientConnectorError as error:
            raise NoServerError(
                f"no server answers at {self.url} ({error.os_error.strerror}); start it, or name another."
            ) from None
        except TimeoutError:
            raise BrokenStreamError(f"{self.url} was silent for {self._timeout:g} s; see its log.") from None
        except aiohttp.ClientPayloadError:
            raise BrokenStreamError(f"{self.url} broke off its answer; see its log.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenStreamError(f"{self.url} broke off its answer ({error}); see its log.") from None

    async def get(self, path: str) -> Any:
        """The JSON that the server answers to GET; None where it has none for that route, or is not there."""
        import aiohttp

        try:
            timeout = aiohttp.ClientTimeout(total=5)
            async with self._http.get(f"{self.url}{path}", timeout=timeout) as response:
                if response.status != 200:
                    return None
                return json.loads(await response.text())
        except (aiohttp.ClientError, OSError, ValueError):
            return None

    async def models(self) -> list[dict[str, Any]]:
        """What the server lists in `/v1/models`; empty where it does not say."""
        listed = await self.get("/v1/models")
        data = listed.get("data") if isinstance(listed, dict) else None
        return [entry for entry in data or [] if isinstance(entry, dict) and "id" in entry]

    async def _refusal(self, response: aiohttp.ClientResponse, model: str) -> GB10DocsError:
        text = await response.text(errors="replace")
        served = [entry["id"] for entry in await self.models()] if 400 <= response.status < 500 else []
        if served and model not in served:
            return UnknownModelError(f"{self.url} does not serve {model!r}; it serves {', '.join(served)}.")
        return RefusedError(f"{self.url} answered {response.status}: {complaint(text)}")


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        pass
    raise NoServerError(f"{url!r} is no address; one looks like http://127.0.0.1:8001.")


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def chat_body(
    model: str, prompt: str, output_tokens: int, thinking: bool, dialect: Dialect
) -> dict[str, Any]:
    """A streaming request of exactly so many tokens, as far as the engine can be told."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": output_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": dialect.stream_options,
        **dialect.fixed_length,
        **dialect.thinking(thinking),
    }


async def _arrivals(response: aiohttp.ClientResponse, heard: Heard) -> list[Arrival]:
    arrivals: list[Arrival] = []
    while piece := await response.content.readany():
        arrivals.append((perf_counter(), piece))
        heard(piece)
    return arrivals
