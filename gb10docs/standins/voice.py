"""What llama.cpp says, whole or chunk by chunk, in the words and fields of the engine that it stands in for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from gb10docs.standins.logprobs import Logprobs
from gb10docs.standins.rules import Body, Route, Service
from gb10docs.standins.thinking import OPEN_TOKENS, Thinking

_DETAILS = {"whole": ["prompt_tokens_details"], "last": ["prompt_tokens_details"], "each": []}
"""Which details come with token counts, unless the engine's table says."""


class Voice:
    """One answer.

    Args:
        service: Whose voice it is.
        route: That was asked.
        thinking: What precedes the answer.
        options: The request's `stream_options`.
        logprobs: Of its tokens.
        begun: The beginning of the answer that the request holds, which llama.cpp repeats and the engine does not.
    """

    def __init__(
        self,
        service: Service,
        route: Route,
        thinking: Thinking,
        options: Mapping[str, Any],
        logprobs: Logprobs,
        begun: str = "",
    ) -> None:
        self.service, self.route, self.thinking = service, route, thinking
        self._logprobs, self._begun = logprobs, begun
        self.id = f"{'chatcmpl' if route == 'chat' else 'cmpl'}-{uuid.uuid4().hex}"
        self.created = int(time.time())
        self._at_the_end, self._at_each = options.get("include_usage"), options.get("continuous_usage_stats")
        self._introduced, self._written = False, 0
        apart = service.rules["thinking_in"] != "content"
        self._prefix = "" if apart else thinking.value
        self._spoken_in = service.rules["thinking_in"] if apart and thinking is Thinking.CUT else "content"

    def whole(self, spoken: Body) -> Body:
        """A whole answer; its text carries the think block."""
        said = self._said(spoken, "whole")
        said["usage"] = self._usage(spoken["usage"], "whole")
        return said

    def chunks(self, spoken: Body, prompt_tokens: int) -> Iterator[Body]:
        """What a chunk of llama.cpp's becomes: one chunk, or two where token counts come apart from the text.

        Args:
            spoken: The chunk.
            prompt_tokens: Of the request, for the counts that come with each chunk.
        """
        choices, usage = spoken["choices"], spoken.get("usage")
        if choices:
            said = self._said(spoken, self._part(choices[0]))
            if self._at_each:
                self._written = spoken.get("timings", {}).get("predicted_n", self._written)
                counted = {"prompt_tokens": prompt_tokens, "completion_tokens": self._written}
                said["usage"] = self._usage(counted, "each")
            if choices[0].get("finish_reason") and not self._at_the_end:
                said |= self._fields("last", "answer")
            yield said
        if usage and self._at_the_end:
            last = self._said({**spoken, "choices": []}, "last")
            yield {**last, "usage": self._usage(usage, "last")}

    def _part(self, choice: Body) -> str:
        if choice.get("finish_reason"):
            return "finish"
        return "first" if "delta" in choice and not self._introduced else "middle"

    def _said(self, spoken: Body, part: str) -> Body:
        said = {
            "id": self.id,
            "object": spoken["object"],
            "created": self.created,
            "model": self.service.served_name,
            "choices": [self._choice(choice, part) for choice in spoken["choices"]],
        }
        return said | self._fields(part, "answer")

    def _fields(self, part: str, where: str) -> Body:
        """What the engine adds to this part of an answer; where its table does not tell parts apart, to all."""
        parts = self.service.rules.get("parts")
        if parts is None:
            return dict(self.service.rules["choice"]) if where == "choice" else {}
        return dict(parts[self.route].get(part, {}).get(where, {}))

    def _choice(self, choice: Body, part: str) -> Body:
        told = self._logprobs.told(choice.get("logprobs"))
        choice = {**choice, "logprobs": told, **self._fields(part, "choice")}
        if "message" in choice:
            message = choice["message"]
            text = self._take_prefix() + (message.get("content") or "").removeprefix(self._begun)
            said = {"role": message["role"], "content": "", self._spoken_in: text}
            choice["message"] = self.service.rules["message"] | said
        elif "delta" in choice:
            choice["delta"] = self._delta(choice["delta"], part)
        return choice

    def _delta(self, delta: Body, part: str) -> Body:
        role = {} if self._introduced else {"role": "assistant", "content": ""}
        self._introduced = True
        text = delta.get("content")
        if not text:
            return role | ({self._spoken_in: ""} if part == "finish" else {})
        return role | {self._spoken_in: self._take_prefix() + text}

    def _take_prefix(self) -> str:
        prefix, self._prefix = self._prefix, ""
        return prefix

    def _usage(self, usage: Body, part: str) -> Body:
        written = usage["completion_tokens"]
        completion = written + (OPEN_TOKENS if written and self.thinking is Thinking.CUT else 0)
        told = {
            "prompt_tokens": usage["prompt_tokens"],
            "total_tokens": usage["prompt_tokens"] + completion,
            "completion_tokens": completion,
        }
        rules = self.service.rules
        details: Body = dict.fromkeys(rules.get("usage_details", _DETAILS)[part])
        if rules["cached_tokens"] and "prompt_tokens_details" in details:
            details["prompt_tokens_details"] = usage.get("prompt_tokens_details")
        return told | details
