"""Log probabilities of tokens: out of llama.cpp's one form into that of the engine, for chats and for completions.

An engine's row `logprobs` says how a completion's are told: in `lists`, as OpenAI's older API has them; `never`; or
`passed on` from llama.cpp, in chats too. Of lists it also says what `offsets` are (`begin`: where a token begins;
`late`: where it ends, but for the first; `unknown`), whether the token that was `sampled` is in the table of the
likeliest even if it is none of them, and the `least` number that a request may ask for to get any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gb10docs.standins.rules import Body, Route


def wanted(accepted: Body, route: Route, row: Mapping[str, Any]) -> int | None:
    """How many of the likeliest tokens the engine tells beside each token; None where it tells no logprobs."""
    if route == "chat":
        return int(accepted.get("top_logprobs") or 0) if accepted.get("logprobs") else None
    count = accepted.get("logprobs")
    if count is None or row["completions"] == "never" or count < row.get("least", 0):
        return None
    return int(count)


def forwarded(accepted: Body, route: Route, row: Mapping[str, Any]) -> Body:
    """The fields that make llama.cpp tell enough; it tells nothing where it is asked for none of the likeliest."""
    if row["completions"] == "passed on":
        return {name: accepted[name] for name in ("logprobs", "top_logprobs") if name in accepted}
    count = wanted(accepted, route, row)
    if count is None:
        return {}
    most = max(count, 1)
    return {"logprobs": most} if route == "completions" else {"logprobs": True, "top_logprobs": most}


class Logprobs:
    """The log probabilities of one answer, told part by part.

    Args:
        row: The engine's.
        route: That was asked.
        count: How many of the likeliest tokens are told beside each.
    """

    def __init__(self, row: Mapping[str, Any], route: Route, count: int | None) -> None:
        self._row, self._route, self._count = row, route, count or 0
        self._length = 0

    def told(self, spoken: Body | None) -> Body | None:
        """What the engine says where llama.cpp says this."""
        if spoken is None or self._row["completions"] == "passed on":
            return spoken
        if self._route == "chat":
            return {"content": [self._in_chat(token) for token in spoken["content"]]}
        return self._lists(spoken["content"])

    def _in_chat(self, token: Body) -> Body:
        likeliest = [_nameless(other) for other in token["top_logprobs"][: self._count]]
        return _nameless(token) | {"top_logprobs": likeliest}

    def _lists(self, tokens: list[Body]) -> Body:
        offsets: list[int] = []
        for token in tokens:
            length = len(token["token"])
            late = self._row["offsets"] == "late" and offsets
            offsets.append(offsets[-1] + length if late else self._length)
            self._length += length
        tables = [self._likeliest(token) for token in tokens]
        return {
            "text_offset": [-1] * len(tokens) if self._row["offsets"] == "unknown" else offsets,
            "token_logprobs": [token["logprob"] for token in tokens],
            "tokens": [token["token"] for token in tokens],
            "top_logprobs": tables if any(tables) else [],
        }

    def _likeliest(self, token: Body) -> dict[str, float]:
        table = {token["token"]: token["logprob"]} if self._row["sampled"] else {}
        return table | {other["token"]: other["logprob"] for other in token["top_logprobs"][: self._count]}


def _nameless(token: Body) -> Body:
    """A token less its number in the vocabulary, which llama.cpp alone tells."""
    return {name: token[name] for name in ("token", "logprob", "bytes")}
