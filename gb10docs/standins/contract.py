"""The contract layer: llama.cpp answers as the engine that it stands in for would, on what lessons use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from gb10docs.standins import logprobs
from gb10docs.standins.catalog import SIGNATURE
from gb10docs.standins.rules import (
    CONTEXT,
    Body,
    Malformed,
    Refusal,
    Route,
    Service,
    accept,
    continued,
    continuing,
    max_tokens,
    text_of,
    translate,
)
from gb10docs.standins.thinking import OPEN_TOKENS, Thinking
from gb10docs.standins.thinking import of as thinking_of
from gb10docs.standins.voice import Voice

if TYPE_CHECKING:
    import httpx
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-gb10docs-stand-in"
PATIENCE_S = 600
LONGEST_ANSWER = 1024
"""Tokens after which an answer without a limit of its own ends; the small model may never stop by itself."""
LARGEST_BODY = 4 << 20
"""Bytes of a request; no context here holds a tenth of it."""
LONGEST_TOKEN = 81
"""Bytes of the longest token in SmolLM2's vocabulary."""
SHORTEST_MESSAGE = 4
"""Tokens that its template makes of a message without content, at the least."""


def app(service: Service, upstream: str) -> ASGIApp:
    """The ASGI application that answers for one service in front of llama.cpp at the address upstream."""
    import httpx
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route as At

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Mapping[str, Any]]:
        # llama.cpp's server closes a connection that it has kept alive just when the next request may be on its way.
        afresh = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=upstream, timeout=PATIENCE_S, trust_env=False, limits=afresh
        ) as client:
            yield {"desk": Desk(service, client)}

    async def told(request: Request) -> Response:
        return _told(_filled(service.rules["routes"][request.url.path], request.state.desk.service))

    async def models(request: Request) -> Response:
        served = request.state.desk.service
        return JSONResponse({"object": "list", "data": [_card(served)] if served.served_name else None})

    async def pull(request: Request) -> Response:
        return JSONResponse(request.state.desk.pull(await _body(request, service)))

    async def tags(request: Request) -> Response:
        name = request.state.desk.service.served_name
        return JSONResponse({"models": [{"name": name, "model": name}] if name else []})

    async def chat(request: Request) -> Response:
        return await _unless_gone(request, request.state.desk.answer(await _body(request, service), "chat"))

    async def completions(request: Request) -> Response:
        return await _unless_gone(
            request, request.state.desk.answer(await _body(request, service), "completions")
        )

    library = [At("/api/pull", pull, methods=["POST"]), At("/api/tags", tags)]
    routes = [
        *(At(path, told) for path in service.rules["routes"]),
        *(library if service.rules["library"] else []),
        At("/v1/models", models),
        At("/v1/chat/completions", chat, methods=["POST"]),
        At("/v1/completions", completions, methods=["POST"]),
    ]
    return _marked(Starlette(routes=routes, exception_handlers=_handlers(service), lifespan=lifespan))


def _handlers(service: Service) -> dict[Any, Any]:
    """What is answered where something went wrong, by the error: JSON in any case."""
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return JSONResponse(_error(error, service), status_code=error.status)

    async def absent(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"detail": error.detail}, status_code=error.status_code)

    async def failed(_: Request, error: Exception) -> Response:
        broken = Refusal(500, f"the stand-in failed: {type(error).__name__}", "InternalServerError")
        return JSONResponse(_error(broken, service), status_code=500)

    return {Refusal: refused, HTTPException: absent, Exception: failed}


@dataclass
class Desk:
    """Where one service's requests are taken to llama.cpp and its answers made to look like the engine's."""

    service: Service
    llamacpp: httpx.AsyncClient

    async def answer(self, body: Body, route: Route) -> Response:
        """The engine's response to a request; raises Refusal."""
        accepted = accept(body, route, self.service)
        asked = max_tokens(accepted, route, self.service)
        self._refuse_what_no_context_holds(accepted, asked, route)
        prompt_tokens = await self._prompt_tokens(accepted)
        room = self.service.max_model_len - prompt_tokens
        if asked and self.service.rules["answer_beyond_context"] == "cut":
            asked = min(asked, max(room, 1))
        if room < (asked or 1):
            raise self._beyond_context(asked, max(room, 0), route)
        thinking = thinking_of(accepted, self.service)
        forwarded = translate(accepted, self.service) | {"max_tokens": asked or min(room, LONGEST_ANSWER)}
        if thinking is Thinking.CUT:
            forwarded |= {"max_tokens": max(forwarded["max_tokens"] - OPEN_TOKENS, 1), "ignore_eos": True}
        options = accepted.get("stream_options") or {}
        if options.get("continuous_usage_stats"):
            forwarded["timings_per_token"] = True
        row = self.service.rules["logprobs"]
        forwarded |= logprobs.forwarded(accepted, route, row)
        told = logprobs.Logprobs(row, route, logprobs.wanted(accepted, route, row))
        repeated = self.service.rules["assistant_last"] == "continued, and repeated"
        begun = "" if repeated else continued(accepted, self.service)
        voice = Voice(self.service, route, thinking, options, told, begun)
        path = "/v1/chat/completions" if route == "chat" else "/v1/completions"
        response = await self._ask(path, forwarded)
        if accepted.get("stream"):
            return _stream(response, voice, prompt_tokens)
        return await _whole(response, voice)

    def pull(self, body: Body) -> Body:
        """Answer from now on for the model that is asked for, as if it had been fetched."""
        name = body.get("model")
        if not name or not isinstance(name, str):
            raise Refusal(400, "model is required", param="model")
        self.service = replace(self.service, served_name=name, model=name)
        return {"status": "success"}

    async def _ask(self, path: str, body: Body) -> httpx.Response:
        request = self.llamacpp.build_request("POST", path, json=body)
        response = await self.llamacpp.send(request, stream=True)
        if response.is_error:
            error = json.loads(await response.aread())["error"]
            raise Refusal(response.status_code, str(error["message"]))
        return response

    def _refuse_what_no_context_holds(self, accepted: Body, asked: int | None, route: Route) -> None:
        """Refuse by its size alone a prompt that would keep llama.cpp counting for seconds."""
        most = min(self.service.max_model_len, CONTEXT)
        messages = accepted.get("messages", [])
        prompt = accepted.get("prompt")
        texts = (
            [prompt] if isinstance(prompt, str) else [text_of(message.get("content")) for message in messages]
        )
        size = sum(len(text.encode()) for text in texts)
        if len(messages) * SHORTEST_MESSAGE > most or size > most * LONGEST_TOKEN:
            raise self._beyond_context(asked, 0, route)

    def _beyond_context(self, asked: int | None, room: int, route: Route) -> Refusal:
        return Refusal(
            self.service.rules["beyond_context"],
            f"This model's maximum context length is {self.service.max_model_len} tokens. However, you "
            f"requested {asked or 1} output tokens and your prompt leaves room for {room}.",
            param="max_tokens" if room else "messages" if route == "chat" else "prompt",
        )

    async def _prompt_tokens(self, accepted: Body) -> int:
        prompt = accepted.get("prompt")
        if isinstance(prompt, list):
            return len(prompt)
        if prompt is None:
            chat = {"messages": accepted["messages"]} | continuing(accepted, self.service)
            templated = await self._ask("/apply-template", chat)
            prompt = json.loads(await templated.aread())["prompt"]
        question = {"content": prompt, "add_special": True, "parse_special": True}
        counted = await self._ask("/tokenize", question)
        return len(json.loads(await counted.aread())["tokens"])


async def _whole(response: httpx.Response, voice: Voice) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(voice.whole(json.loads(await response.aread())))


def _stream(response: httpx.Response, voice: Voice, prompt_tokens: int) -> Response:
    from starlette.responses import StreamingResponse

    async def events() -> AsyncIterator[str]:
        async with contextlib.aclosing(response):
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    for said in voice.chunks(json.loads(line.removeprefix("data: ")), prompt_tokens):
                        yield f"data: {json.dumps(said, ensure_ascii=False)}\n\n"
                elif line.startswith("data: "):
                    yield f"{line}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


async def _body(request: Request, service: Service) -> Body:
    from starlette.exceptions import HTTPException

    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent != "application/json" and service.rules["content_type"] == "required":
        raise Refusal(400, "Unsupported Media Type: Only 'application/json' is allowed")
    content = await _content(request)
    try:
        body = json.loads(content, parse_constant=_no_number, parse_float=_number)
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise HTTPException(400, "There was an error parsing the body") from error
    except UnicodeEncodeError as error:
        raise Malformed(400, "JSON decode error: half of a surrogate pair is no text") from error
    except RecursionError as error:
        raise Malformed(400, "JSON decode error: nested too deeply", param="body") from error
    except ValueError as error:
        raise Malformed(400, f"JSON decode error: {error}", param="body") from error
    if not isinstance(body, dict):
        raise Malformed(400, "The request's body should be a JSON object", param="body")
    return body


async def _content(request: Request) -> bytes:
    """The request's bytes; raises Refusal before there are too many."""
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_BODY:
            raise Refusal(413, f"The request is larger than {LARGEST_BODY} bytes", "RequestEntityTooLarge")
    return bytes(content)


def _number(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


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


def _told(answer: Any) -> Response:
    """Text as it is, anything else as JSON."""
    from starlette.responses import JSONResponse, Response

    if isinstance(answer, str):
        return Response(answer, media_type="text/plain" if answer else None)
    return JSONResponse(answer)


def _filled(answer: Any, service: Service) -> Any:
    """What a route answers, with the service's own names in it."""
    if isinstance(answer, dict):
        return {name: _filled(value, service) for name, value in answer.items()}
    names = {"model": service.model, "served_name": service.served_name}
    return answer.format(**names) if isinstance(answer, str) else answer


def _card(service: Service) -> Body:
    card = {"id": service.served_name, "object": "model", "created": int(time.time())}
    card["owned_by"] = service.rules["owned_by"]
    more: Body = {"root": service.model, "parent": None, "max_model_len": service.max_model_len}
    if "permission" in service.rules:
        granted = {"id": f"modelperm-{uuid.uuid4().hex}", "created": card["created"]}
        more["permission"] = [granted | service.rules["permission"]]
    return card | {name: more[name] for name in service.rules["model_card"]}


def _error(error: Refusal, service: Service) -> Body:
    if isinstance(error, Malformed) and service.rules.get("malformed") == "text":
        return {"error": str(error)}
    kind = service.rules["error_kinds"].get(str(error.status), error.kind)
    told = {"message": str(error), "type": kind, "param": error.param, "code": error.status}
    return {"error": told} if service.rules["error"] == "nested" else {"object": "error"} | told


def _marked(inner: ASGIApp) -> ASGIApp:
    """The application, with the name of the stand-in on every response that leaves it."""

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER.encode(), SIGNATURE.encode())]
            await send(message)

        await inner(scope, receive, marking)

    return asgi
