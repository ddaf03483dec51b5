"""One server, one streaming chat request at a time, timed as its events arrive."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from gb10docs.bench.metrics import Request
from gb10docs.errors import GB10DocsError

if TYPE_CHECKING:
    import httpx

STAND_IN_HEADER = "x-gb10docs-stand-in"
TIMEOUT_S = 600.0


class BenchError(GB10DocsError):
    """A benchmark that could not be made."""


class NoServerError(BenchError):
    """Nothing answers at the address."""


class UnknownModelError(BenchError):
    """The server does not serve the model that was asked for."""


class RefusedError(BenchError):
    """The server answered with an error instead of a stream."""


class BrokenStreamError(BenchError):
    """The stream ended early, is not what the protocol says, or holds no token counts."""

    exit_code = 1


def chat_body(model: str, prompt: str, max_tokens: int) -> dict[str, Any]:
    """The request: only fields that vLLM and TensorRT-LLM both know, since the latter refuses all others.

    Source of the field names: `ChatCompletionRequest` and `StreamOptions` in
    https://github.com/NVIDIA/TensorRT-LLM/blob/0076e9390e1ed11515f149eec356f5a03f4a00d8/tensorrt_llm/serve/openai_protocol.py
    """
    return {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        "chat_template_kwargs": {"enable_thinking": False},
    }


class Server:
    """A kept-alive connection to one OpenAI-compatible server; proxies of the environment are not used.

    Args:
        url: Its address, with or without `/v1`.
        timeout: Seconds of silence after which a request is given up.
    """

    def __init__(self, url: str, *, timeout: float = TIMEOUT_S) -> None:
        import httpx

        self.url = url.rstrip("/").removesuffix("/v1")
        self._timeout = timeout
        self._http = httpx.Client(timeout=timeout, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def ask(self, model: str, prompt: str, max_tokens: int) -> Request:
        """Send one prompt, read the stream to its end, and return when what arrived.

        Raises:
            BenchError: One of its kinds, in a sentence for people.
        """
        import httpx

        body = chat_body(model, prompt, max_tokens)
        try:
            t0 = perf_counter()
            with self._http.stream("POST", f"{self.url}/v1/chat/completions", json=body) as response:
                if response.status_code != 200:
                    response.read()
                    raise self._refusal(response, model)
                seen = _watch(_events(response.iter_lines()))
            return seen.request(t0, response.headers.get(STAND_IN_HEADER))
        except BrokenStreamError as error:
            raise BrokenStreamError(f"{self.url}: {error}") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoServerError(
                f"no server answers at {self.url} ({error}); start it, or name another."
            ) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise NoServerError(
                f"{self.url!r} is no address; one looks like http://127.0.0.1:8001."
            ) from None
        except httpx.TimeoutException:
            raise BrokenStreamError(f"{self.url} was silent for {self._timeout:g} s; see its log.") from None
        except httpx.TransportError as error:
            raise BrokenStreamError(f"{self.url} broke off its answer ({error}); see its log.") from None
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise BrokenStreamError(
                f"{self.url} does not answer as a chat completion does: {error!r}."
            ) from error

    def models(self) -> list[str]:
        """The names that the server lists in `/v1/models`; empty where it does not say."""
        import httpx

        try:
            listed = self._http.get(f"{self.url}/v1/models").json()
            return [str(model["id"]) for model in listed["data"]]
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return []

    def _refusal(self, response: httpx.Response, model: str) -> BenchError:
        served = self.models() if 400 <= response.status_code < 500 else []
        if served and model not in served:
            return UnknownModelError(f"{self.url} does not serve {model!r}; it serves {', '.join(served)}.")
        return RefusedError(f"{self.url} answered {response.status_code}: {_complaint(response.text)}")


@dataclass
class _Seen:
    """What a stream has shown so far; times are readings of `perf_counter`."""

    first: float | None = None
    last: float | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    first_chunk_tokens: int = 1

    def take(self, now: float, event: dict[str, Any]) -> None:
        usage = event.get("usage")
        self.usage = usage or self.usage
        for choice in event.get("choices") or []:
            delta = choice.get("delta") or {}
            text = any(delta.get(key) for key in ("content", "reasoning_content", "reasoning"))
            if text and self.first is None:
                self.first = now
                self.first_chunk_tokens = int((usage or {}).get("completion_tokens") or 1)
            if text or choice.get("finish_reason"):
                self.last = now
                self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def request(self, t0: float, stand_in: str | None) -> Request:
        if self.finish_reason is None:
            raise BrokenStreamError("the stream ended without a finish reason; see the server's log.")
        if self.first is None or self.last is None:
            raise BrokenStreamError("the stream held no text, so there is nothing to time.")
        if self.usage is None:
            raise BrokenStreamError("the stream held no `usage`, and tokens are not guessed from events.")
        return Request(
            t_first=self.first - t0,
            t_last=self.last - t0,
            prompt_tokens=int(self.usage["prompt_tokens"]),
            output_tokens=int(self.usage["completion_tokens"]),
            finish_reason=self.finish_reason,
            first_chunk_tokens=self.first_chunk_tokens,
            stand_in=stand_in,
        )


def _watch(events: Iterable[tuple[float, dict[str, Any]]]) -> _Seen:
    seen = _Seen()
    for now, event in events:
        if error := event.get("error"):
            raise BrokenStreamError(
                f"the server reported an error in its stream: {_complaint(json.dumps(error))}"
            )
        seen.take(now, event)
    return seen


def _events(lines: Iterable[str]) -> Iterator[tuple[float, dict[str, Any]]]:
    """The `data:` lines of a server-sent event stream, each with its time of arrival."""
    for line in lines:
        if not line.startswith("data:"):
            continue
        now = perf_counter()
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            continue
        try:
            event = json.loads(data)
        except ValueError:
            raise BrokenStreamError(f"an event of the stream is no JSON: {data[:80]!r}") from None
        if not isinstance(event, dict):
            raise BrokenStreamError(f"an event of the stream is no JSON object: {data[:80]!r}")
        yield now, event


def _complaint(text: str) -> str:
    """The message in an error body, whichever of the usual shapes it has, in one line."""
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    for key in ("error", "message", "detail"):
        if isinstance(body, dict) and key in body:
            body = body[key]
    line = " ".join((body if isinstance(body, str) else json.dumps(body)).split())
    return line[:500] or "no message"
