"""The contract layer: llama.cpp answers as the engine that it stands in for would, on what lessons use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gb10docs.standins.rules import Body, RefusalError, Route, Service, accept, max_tokens, translate
from gb10docs.standins.thinking import OPEN_TOKENS, Thinking
from gb10docs.standins.thinking import of as thinking_of

if TYPE_CHECKING:
    import httpx
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STAND_IN = "llamacpp/SmolLM2-135M-Instruct"
HEADER = "x-gb10docs-stand-in"
PATIENCE_S = 600
LONGEST_ANSWER = 1024
"""Tokens after which an answer without a limit of its own ends; the small model may never stop by itself."""


def app(service: Service, upstream: str) -> ASGIApp:
    """The ASGI application that answers for one service in front of llama.cpp at the address upstream."""
    import httpx
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route as At

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        # llama.cpp's server closes a connection that it has kept alive just when the next request may be on its way.
        afresh = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=upstream, timeout=PATIENCE_S, trust_env=False, limits=afresh
        ) as client:
            yield {"desk": Desk(service, client)}

    async def health(_: Request) -> Response:
        return Response()

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_card(service)]})

    async def chat(request: Request) -> Response:
        return await _unless_gone(request, request.state.desk.answer(await _body(request), "chat"))

    async def completions(request: Request) -> Response:
        return await _unless_gone(request, request.state.desk.answer(await _body(request), "completions"))

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, RefusalError)
        return JSONResponse(_error(error, service), status_code=error.status)

    async def absent(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"detail": error.detail}, status_code=error.status_code)

    routes = [
        At("/health", health),
        At("/v1/models", models),
        At("/v1/chat/completions", chat, methods=["POST"]),
        At("/v1/completions", completions, methods=["POST"]),
    ]
    handlers = {RefusalError: refused, HTTPException: absent}
    return _marked(Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan))


@dataclass(frozen=True)
class Desk:
    """Where one service's requests are taken to llama.cpp and its answers made to look like the engine's."""

    service: Service
    llamacpp: httpx.AsyncClient

    async def answer(self, body: Body, route: Route) -> Response:
        """The engine's response to a request; raises RefusalError."""
        accepted = accept(body, route, self.service)
        asked = max_tokens(accepted, route, self.service)
        room = self.service.max_model_len - await self._prompt_tokens(accepted)
        if room < (asked or 1):
            raise RefusalError(
                self.service.rules["beyond_context"],
                f"This model's maximum context length is {self.service.max_model_len} tokens. However, you "
                f"requested {asked or 1} output tokens and your prompt leaves room for {max(room, 0)}.",
                param="max_tokens" if room > 0 else "messages" if route == "chat" else "prompt",
            )
        thinking = thinking_of(accepted, self.service)
        forwarded = translate(accepted, self.service) | {"max_tokens": asked or min(room, LONGEST_ANSWER)}
        if thinking is Thinking.CUT:
            forwarded |= {"max_tokens": max(forwarded["max_tokens"] - OPEN_TOKENS, 1), "ignore_eos": True}
        voice = Voice(self.service, route, thinking)
        path = "/v1/chat/completions" if route == "chat" else "/v1/completions"
        response = await self._ask(path, forwarded)
        return _stream(response, voice) if accepted.get("stream") else await _whole(response, voice)

    async def _ask(self, path: str, body: Body) -> httpx.Response:
        request = self.llamacpp.build_request("POST", path, json=body)
        response = await self.llamacpp.send(request, stream=True)
        if response.is_error:
            error = json.loads(await response.aread())["error"]
            raise RefusalError(response.status_code, str(error["message"]))
        return response

    async def _prompt_tokens(self, accepted: Body) -> int:
        prompt = accepted.get("prompt")
        if isinstance(prompt, list):
            return len(prompt)
        if prompt is None:
            templated = await self._ask("/apply-template", {"messages": accepted["messages"]})
            prompt = json.loads(await templated.aread())["prompt"]
        question = {"content": prompt, "add_special": True, "parse_special": True}
        counted = await self._ask("/tokenize", question)
        return len(json.loads(await counted.aread())["tokens"])


class Voice:
    """Turns what llama.cpp says, whole or chunk by chunk, into what the engine would say."""

    def __init__(self, service: Service, route: Route, thinking: Thinking) -> None:
        self.service, self.thinking = service, thinking
        self.id = f"{'chatcmpl' if route == 'chat' else 'cmpl'}-{uuid.uuid4().hex}"
        self.created = int(time.time())
        self._prefix, self._introduced = thinking.value, False

    def say(self, spoken: Body) -> Body:
        """One object of llama.cpp's, renamed; the first text carries the think block."""
        said = {
            "id": self.id,
            "object": spoken["object"],
            "created": self.created,
            "model": self.service.served_name,
            "choices": [self._choice(choice) for choice in spoken["choices"]],
        }
        if usage := spoken.get("usage"):
            said["usage"] = self._usage(usage)
        return said

    def _choice(self, choice: Body) -> Body:
        choice = {"logprobs": None} | choice | self.service.rules["choice"]
        if "message" in choice:
            message = choice["message"]
            text = self._take_prefix() + (message.get("content") or "")
            choice["message"] = self.service.rules["message"] | {"role": message["role"], "content": text}
        elif "delta" in choice:
            choice["delta"] = self._delta(choice["delta"])
        return choice

    def _delta(self, delta: Body) -> Body:
        role = {} if self._introduced else {"role": "assistant", "content": ""}
        self._introduced = True
        text = delta.get("content")
        return role | ({"content": self._take_prefix() + text} if text else {})

    def _take_prefix(self) -> str:
        prefix, self._prefix = self._prefix, ""
        return prefix

    def _usage(self, usage: Body) -> Body:
        completion = usage["completion_tokens"] + (OPEN_TOKENS if self.thinking is Thinking.CUT else 0)
        details = usage.get("prompt_tokens_details") if self.service.rules["cached_tokens"] else None
        return {
            "prompt_tokens": usage["prompt_tokens"],
            "total_tokens": usage["prompt_tokens"] + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": details,
        }


async def _whole(response: httpx.Response, voice: Voice) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(voice.say(json.loads(await response.aread())))


def _stream(response: httpx.Response, voice: Voice) -> Response:
    from starlette.responses import StreamingResponse

    async def events() -> AsyncIterator[str]:
        async with contextlib.aclosing(response):
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    said = voice.say(json.loads(line.removeprefix("data: ")))
                    yield f"data: {json.dumps(said, ensure_ascii=False)}\n\n"
                elif line.startswith("data: "):
                    yield f"{line}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def _body(request: Request) -> Body:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusalError(400, "Unsupported Media Type: Only 'application/json' is allowed")
    try:
        body = json.loads(await request.body())
    except ValueError as error:
        raise RefusalError(400, f"JSON decode error: {error}") from error
    if not isinstance(body, dict):
        raise RefusalError(400, "The request's body should be a JSON object")
    return body


async def _unless_gone(request: Request, work: Awaitable[Response]) -> Response:
    """The work's result; given up when the client hangs up, so that llama.cpp's one slot is free again."""
    from starlette.responses import Response

    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else Response(status_code=499)
    finally:
        working.cancel()
        leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _card(service: Service) -> Body:
    card = {"id": service.served_name, "object": "model", "created": int(time.time())}
    card["owned_by"] = service.rules["owned_by"]
    more = {"root": service.model, "parent": None, "max_model_len": service.max_model_len}
    return card | {name: more[name] for name in service.rules["model_card"]}


def _error(error: RefusalError, service: Service) -> Body:
    told = {"message": str(error), "type": error.kind, "param": error.param, "code": error.status}
    return {"error": told} if service.rules["error"] == "nested" else {"object": "error"} | told


def _marked(inner: ASGIApp) -> ASGIApp:
    """The application, with the name of the stand-in on every response that leaves it."""

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER.encode(), STAND_IN.encode())]
            await send(message)

        await inner(scope, receive, marking)

    return asgi
