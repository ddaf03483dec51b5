"""How answers are compared, and the page that tells what came of it; `tests/real` compares with a real vLLM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from gb10docs.cli import app
from gb10docs.site import contracts
from gb10docs.site.prepare import prepare
from gb10docs.standins import comparison
from gb10docs.standins.comparison import Answer, differences

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = {request["name"]: request for request in comparison.data()["requests"]}


def asked(name: str, status: int = 200, **response: Any) -> tuple[httpx.Request, Answer]:
    """One request of the table to a server that answers so."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(status, **response)

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://there") as client:
        got = comparison.ask(client, REQUESTS[name])
    return seen[0], got


def test_a_page_that_is_out_of_date_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "gb10docs").symlink_to(ROOT / "gb10docs")
    (tmp_path / "snippets").mkdir()
    page = tmp_path / "docs" / contracts.PAGE
    page.parent.mkdir(parents=True)
    page.write_text("# What it was last year\n")
    prepare(tmp_path, app)
    assert page.read_text() == contracts.page()


def test_the_committed_page_is_made_from_the_data() -> None:
    assert (ROOT / "docs" / contracts.PAGE).read_text() == contracts.page(), "run gb10docs site prepare"
    for row in comparison.data()["differences"]:
        assert f"| {row['request']} | {row['what']} |" in contracts.page()


def test_requests_have_names_of_their_own_and_differences_are_of_them() -> None:
    assert len(REQUESTS) == len(comparison.data()["requests"])
    assert {row["request"] for row in comparison.data()["differences"]} <= set(REQUESTS)
    assert comparison.known("n 2") == {"status"}
    assert comparison.known("an answer") == set()


def test_a_request_is_sent_as_the_table_has_it() -> None:
    sent, _ = asked("max_completion_tokens")
    body = json.loads(sent.content)
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    assert body["messages"][0]["role"] == "user"
    assert asked("no UTF-8")[0].content == b"\xff"
    assert asked("a form")[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert "content-type" not in asked("no content type")[0].headers
    assert (asked("health by PUT")[0].method, asked("health")[0].method) == ("PUT", "GET")
    long = json.loads(asked("a prompt that is too long")[0].content)["messages"][0]["content"]
    assert long.split() == ["word"] * 2100


def test_fields_are_paths_and_kinds() -> None:
    body = {"id": "a", "choices": [{"index": 0, "message": {"content": None}}], "tools": [], "ok": True}
    assert asked("an answer", json=body)[1] == Answer(
        200,
        "application/json",
        {
            "id": "text",
            "choices[].index": "number",
            "choices[].message.content": "null",
            "tools": "nothing",
            "ok": "true or false",
        },
    )


def stream(*chunks: dict[str, Any], end: str = "data: [DONE]\n\n") -> dict[str, Any]:
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end
    return {"text": text, "headers": {"Content-Type": "text/event-stream; charset=utf-8"}}


def test_a_stream_is_compared_part_by_part() -> None:
    first, middle = {"choices": [{"delta": {"role": "a"}}]}, {"choices": [{"delta": {"content": "b"}}]}
    finish, usage = {"choices": [{"finish_reason": "stop"}]}, {"choices": [], "usage": {"n": 1}}
    _, answer = asked("a stream", **stream(first, middle, middle, finish, usage))
    assert answer.fields == {
        "the last line": "[DONE]",
        "first: choices[].delta.role": "text",
        "middle: choices[].delta.content": "text",
        "finish: choices[].finish_reason": "text",
        "usage: choices": "nothing",
        "usage: usage.n": "number",
    }
    _, cut = asked("a stream", **stream(first, middle, finish, usage, end=""))
    assert differences(answer, cut) == {"the last line"}


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (Answer(400, "application/json", {}), {"status"}),
        (Answer(200, "text/plain", {}), {"content type"}),
        (Answer(200, "application/json", {"a": "text", "b": "null"}), {"b"}),
        (Answer(200, "application/json", {"a": "null"}), {"a"}),
        (Answer(200, "application/json", {"a": "text", "c[].logprobs.x[].y": "text"}), {"c[].logprobs"}),
        (Answer(200, "application/json", {"a": "text"}), set()),
    ],
)
def test_what_differs(other: Answer, found: set[str]) -> None:
    assert differences(Answer(200, "application/json", {"a": "text"}), other) == found


def test_a_list_that_is_empty_once_is_of_the_kind_of_the_others() -> None:
    """A special token among the likeliest has no bytes; which tokens are likely is the model's affair."""
    filled = Answer(200, "application/json", {"a[].bytes[]": "number"})
    once_empty = Answer(200, "application/json", {"a[].bytes[]": "number", "a[].bytes": "nothing"})
    always_empty = Answer(200, "application/json", {"a[].bytes": "nothing"})
    assert differences(once_empty, filled) == set()
    assert differences(always_empty, filled) == {"a[].bytes", "a[].bytes[]"}
