"""Qwen3 thinks before it answers unless told not to: what that does to the text of an answer."""

from __future__ import annotations

import re
from enum import Enum

from gb10docs.standins.rules import Body, Service, continued, text_of

OPEN = "<think>\n"
OPEN_TOKENS = 2


class Thinking(Enum):
    """What precedes the answer: nothing, an empty block, or a block that eats all tokens and never ends."""

    OFF = ""
    EMPTY = f"{OPEN}\n</think>\n\n"
    CUT = OPEN


def of(accepted: Body, service: Service) -> Thinking:
    """How the model that is stood in for would think about this chat request.

    The template's switch (enable_thinking false) puts the empty block into the prompt, so nothing of it is
    seen; the soft switch /no_think leaves an empty block in the answer; without either, a lesson's few tokens
    end inside it.
    """
    if service.profile is None or "messages" not in accepted or continued(accepted, service):
        return Thinking.OFF
    kwargs = accepted.get("chat_template_kwargs", {})
    effort_counts = service.rules["effort_none_stops_thinking"] and "enable_thinking" not in kwargs
    if kwargs.get("enable_thinking") is False or (
        effort_counts and accepted.get("reasoning_effort") == "none"
    ):
        return Thinking.OFF
    said = re.findall(r"/(?:no_)?think\b", " ".join(map(_said, accepted["messages"])))
    return Thinking.EMPTY if said and said[-1] == "/no_think" else Thinking.CUT


def _said(message: Body) -> str:
    return text_of(message.get("content")) if message.get("role") in ("system", "user") else ""
