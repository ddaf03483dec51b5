"""A server that speaks OpenAI's chat completions, timed as its bytes arrive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from gb10docs.bench import CannotMeasure, address, stream, words
from gb10docs.bench.address import NoServer
from gb10docs.bench.metrics import Request
from gb10docs.bench.sse import Arrival
from gb10docs.bench.stream import BrokenStream
from gb10docs.engines.engine import Engine
from gb10docs.errors import GB10DocsError

if TYPE_CHECKING:
    import aiohttp

STAND_IN_HEADER = "x-gb10docs-stand-in"
TIMEOUT_S = 600.0

_CONNECT_S = 30.0
_PATIENCE_S = 5.0
"""For what is small: a list of models, the body of an error."""

_BODY = 2**21
"""Bytes of such a body that are read."""

_ROOM, _ROOM_PER_TOKEN = 2**20, 2**12
"""Bytes that a stream may have, and more for each token that was asked for: ten times what any engine sends."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Heard = Callable[[bytes], None]


class NoModel(GB10DocsError):
    """The server lists no model."""


@dataclass
class _Connection:
    """What a request was sent on: when it stood, and whether an earlier request had used it."""

    stood: float = 0.0
    kept: bool = False


class Server:
    """Kept-alive connections to one server; proxies of the environment are not used, redirects not followed.

    Args:
        url: Its address, with or without `/v1` or a route below; a user and password in it are sent, and win over the
            key of the environment.
        timeout: Seconds of silence after which a request is given up.

    Raises:
        NoServer: `url` is no address.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT_S) -> None:
        self._address = address.parse(url)
        self.url, self.port = self._address.url, self._address.port
        self.local = self._address.local
        """Whether it is on this machine, as far as its address says."""
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        import aiohttp

        self._http = aiohttp.ClientSession(
            headers={"accept-encoding": "identity", **self._address.authorization()},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=_CONNECT_S, sock_read=self._timeout),
            trace_configs=[_watched()],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def ask(self, body: dict[str, Any], heard: Heard = lambda _: None) -> tuple[float, Request]:
        """Send one request, read its stream to the end, and return when it was sent and what it shows.

        It counts as sent when its connection stood.

        Raises:
            GB10DocsError: One of the kinds above, or `BrokenStream`, in a sentence for people.
        """
        import aiohttp

        most = _ROOM + _ROOM_PER_TOKEN * body.get("max_tokens", 0)
        try:
            t0, response = await self._send(body)
            async with response:
                if response.status != 200:
                    raise await self._refusal(response, body["model"])
                arrivals = await _arrivals(response, most, heard)
            said = response.headers.get(STAND_IN_HEADER)
            stand_in = None if said is None else words.shown(said)
            return t0, stream.read(t0, arrivals, stand_in, response.headers.get("content-type", ""))
        except BrokenStream as error:
            error.args = (f"{self.url}: {error}",)
            raise
        except aiohttp.ClientConnectorError as error:
            raise self._gone(error) from None
        except aiohttp.ConnectionTimeoutError:
            raise NoServer(f"{self.url} took no connection within {_CONNECT_S:g} s.") from None
        except TimeoutError:
            raise BrokenStream(f"{self.url} was silent for {self._timeout:g} s; see its log.") from None
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError):
            raise BrokenStream(f"{self.url} broke off its answer; see its log.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise BrokenStream(f"{self.url} broke off its answer ({_cause(error)}); see its log.") from None

    async def _send(self, body: dict[str, Any]) -> tuple[float, aiohttp.ClientResponse]:
        """Return when the connection stood, and an answer once its head has come.

        A server may close a connection that it kept, and only who writes to it learns that: such a request has not
        been answered by a byte, and is sent again on another, until one is new.
        """
        import aiohttp

        while True:
            on = _Connection()
            try:
                response = await self._http.post(
                    f"{self.url}/v1/chat/completions", json=body, allow_redirects=False, trace_request_ctx=on
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                if not on.kept:
                    raise
            else:
                return on.stood, response

    async def get(self, path: str) -> Any:
        """The JSON that the server answers to GET; None where it has none for that route.

        Raises:
            NoServer: It is not there, or does not answer.
        """
        return (await self._fetched(path))[0]

    async def models(self) -> list[dict[str, Any]]:
        """What the server lists in `/v1/models`, which is one at least.

        Raises:
            NoServer: It is not there, or does not answer.
            NoModel: It lists none.
        """
        listed, why = await self._fetched("/v1/models")
        data = listed.get("data") if isinstance(listed, dict) else listed
        entries = data if isinstance(data, list) else []
        found = [each for each in entries if isinstance(each, dict) and _is_name(each.get("id"))]
        if not found:
            raise NoModel(f"{self.url} lists no model at /v1/models{why}: name one with --model.")
        return found

    async def _fetched(self, path: str) -> tuple[Any, str]:
        """The JSON that the server answers to GET, and why there is none."""
        import aiohttp

        try:
            timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
            where = f"{self.url}{path}"
            async with self._http.get(where, timeout=timeout, allow_redirects=False) as response:
                if response.status != 200:
                    return None, f", but answers {await _said(response)}"
                return json.loads(await _beginning(response)), ""
        except aiohttp.ClientConnectorError as error:
            raise self._gone(error) from None
        except (ValueError, RecursionError):
            return None, ", but answers no JSON"
        except (aiohttp.ClientError, OSError) as error:
            why = f"silent for {_PATIENCE_S:g} s" if isinstance(error, TimeoutError) else _cause(error)
            raise NoServer(f"{self.url} does not answer GET {path} ({why}); is it an HTTP server?") from None

    def _gone(self, error: aiohttp.ClientConnectorError) -> NoServer:
        why = error.os_error.strerror or type(error.os_error).__name__
        return NoServer(f"no server answers at {self.url} ({why}); start it, or name another.")

    async def _refusal(self, response: aiohttp.ClientResponse, model: str) -> GB10DocsError:
        said = await _said(response)
        served: list[str] = []
        with suppress(NoServer, NoModel):
            served = [entry["id"] for entry in await self.models()] if 400 <= response.status < 500 else []
        if served and model not in served:
            listed = words.shown(", ".join(served))
            return CannotMeasure(f"{self.url} does not serve {model!r}; it serves {listed}.")
        return CannotMeasure(f"{self.url} answered {said}")


def _cause(error: Exception) -> str:
    """What went wrong below, in a few words: of an answer that is no HTTP, how it begins."""
    return words.shown(str(getattr(error, "message", "") or error), 120) or type(error).__name__


def _is_name(said: object) -> bool:
    return isinstance(said, str) and said != "" and said.isprintable()


def _watched() -> aiohttp.TraceConfig:
    """What notes when the connection of a request stood, in the `_Connection` that it was given."""
    import aiohttp

    def stood(kept: bool) -> Any:
        async def note(_session: object, context: SimpleNamespace, _given: object) -> None:
            if on := context.trace_request_ctx:
                on.stood, on.kept = perf_counter(), kept

        return note

    watched = aiohttp.TraceConfig()
    watched.on_connection_create_end.append(stood(False))
    watched.on_connection_reuseconn.append(stood(True))
    return watched


def chat_body(model: str, prompt: str, output_tokens: int, thinking: bool, engine: Engine) -> dict[str, Any]:
    """A streaming request of exactly so many tokens, as far as the engine can be told."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": output_tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": engine.stream_options,
        **engine.fixed_length,
        **engine.thinking(thinking),
    }


async def _arrivals(response: aiohttp.ClientResponse, most: int, heard: Heard) -> list[Arrival]:
    arrivals: list[Arrival] = []
    size = 0
    while piece := await response.content.readany():
        arrivals.append((perf_counter(), piece))
        heard(piece)
        size += len(piece)
        if size > most:
            raise BrokenStream(
                f"it sent more than {most / 2**20:.1f} MiB, far more than was asked for, and was given up."
            )
    return arrivals


async def _said(response: aiohttp.ClientResponse) -> str:
    """The status of an answer that is none, and its words."""
    if response.status in _REDIRECTS:
        to = words.shown(response.headers.get("location", "")) or "nowhere"
        return (
            f"{response.status}, a redirect to {to}, which is not followed: "
            "if that is the server to measure, name it with --url"
        )
    text = (await _beginning(response)).decode(errors="replace")
    return f"{response.status}: {words.complaint(text)}"


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return as much of a body as anybody reads, and as comes in time."""
    import aiohttp

    body = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(_PATIENCE_S):
            while len(body) < _BODY and (piece := await response.content.readany()):
                body += piece
    return bytes(body)
