"""The same requests to an engine and to what stands in for it: what of the answers a lesson can come to see.

`comparison.json` holds the requests, and the differences that are known. The tests against a real vLLM fail where
it holds too few of them, or too many.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

LONG = "word " * 2100
"""In the place of `{word} × 2100`: more than the context holds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answers, less its words: status, content type, and which field holds what kind of value."""

    status: int
    content_type: str
    fields: Mapping[str, str]
    """Fields by path, as `choices[].message.content`; in a stream, after the part: `finish: choices[].index`."""


@cache
def data() -> dict[str, Any]:
    """The content of comparison.json."""
    text = resources.files(__package__).joinpath("comparison.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def ask(client: httpx.Client, request: Mapping[str, Any]) -> Answer:
    """Send one request of the table to the server that the client is for."""
    route = request["route"]
    headers = {"Content-Type": request.get("content_type", "application/json")}
    response = client.request(
        request.get("method", "POST"),
        route,
        content=_content(request),
        headers=headers if headers["Content-Type"] and "method" not in request else {},
    )
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind == "text/event-stream":
        return Answer(response.status_code, kind, dict(_stream_fields(response.text)))
    held = json.loads(response.text) if kind == "application/json" else {}
    return Answer(response.status_code, kind, dict(_fields(held)))


def differences(engine: Answer, stand_in: Answer) -> set[str]:
    """What is not alike: `status`, `content type`, or the paths of fields; logprobs count as one field."""
    if engine.status != stand_in.status:
        return {"status"}
    if engine.content_type != stand_in.content_type:
        return {"content type"}
    # A list that is empty here and filled there is of one kind: a special token among the likeliest has no bytes.
    paths = {path for path in {*engine.fields, *stand_in.fields} if not _is_a_list_of(path, engine, stand_in)}
    unlike = {path for path in paths if engine.fields.get(path) != stand_in.fields.get(path)}
    return {path.partition(".logprobs")[0] + ".logprobs" if ".logprobs" in path else path for path in unlike}


def _is_a_list_of(path: str, engine: Answer, stand_in: Answer) -> bool:
    """Whether a path is that of an empty list which is filled elsewhere in both answers."""
    return f"{path}[]" in engine.fields and f"{path}[]" in stand_in.fields


def known(request: str) -> set[str]:
    """The differences of a request that comparison.json tells."""
    return {row["what"] for row in data()["differences"] if row["request"] == request}


def _content(request: Mapping[str, Any]) -> bytes | None:
    if "method" in request:
        return None
    if "bytes" in request:
        return bytes.fromhex(request["bytes"])
    if "text" in request:
        return str(request["text"]).encode()
    body = data()["base"][request["route"]] | request.get("fields", {})
    kept = {name: value for name, value in body.items() if name not in request.get("without", ())}
    return json.dumps(kept, ensure_ascii=False).replace("{word} × 2100", LONG).encode()


def _stream_fields(text: str) -> Iterator[tuple[str, str]]:
    """The fields of all chunks of one part together, since a part may be one chunk or many."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    yield "the last line", lines[-1] if lines and not lines[-1].startswith("{") else "a chunk"
    chunks = [json.loads(line) for line in lines if line.startswith("{")]
    for number, chunk in enumerate(chunks):
        part = "usage" if not chunk["choices"] else _part(chunk["choices"][0], first=number == 0)
        for path, kind in _fields(chunk):
            yield f"{part}: {path}", kind


def _part(choice: Mapping[str, Any], *, first: bool) -> str:
    return "finish" if choice.get("finish_reason") else "first" if first else "middle"


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        tokens = path.endswith(".logprobs.top_logprobs[]")  # a table by token, and two models choose others
        for name, held in (("{token}", held) if tokens else (name, held) for name, held in value.items()):
            yield from _fields(held, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for held in value:
            yield from _fields(held, f"{path}[]")
    else:
        yield path, _KINDS.get(type(value), "text")


_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: "number",
    float: "number",
    dict: "nothing",
    list: "nothing",
}
