"""What an engine accepts and how it refuses: its contract, and what llama.cpp can carry out, applied to one request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from gb10docs.engines import CONTRACTS, ENGINES
from gb10docs.errors import did_you_mean
from gb10docs.standins import NoStandIn
from gb10docs.standins.catalog import SIGNATURE

Body = dict[str, Any]
Route = Literal["chat", "completions"]
CONTEXT = 8192
"""Tokens of context that there are for a prompt and its answer: what SmolLM2 was trained with."""

_OBJECTS = ("chat_template_kwargs", "response_format", "stream_options")


class Refusal(Exception):
    """The engine would answer with an error.

    Attributes:
        status: The HTTP status.
        kind: The error type as the engine names it.
        param: The field that is wrong, if one is.
    """

    def __init__(
        self, status: int, message: str, kind: str = "BadRequestError", param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.param = status, kind, param


class Malformed(Refusal):
    """The request does not fit the engine's schema, so that its web framework refuses it."""


@dataclass(frozen=True)
class Service:
    """One listener: the engine it stands in for, and what a page's Compose service says of it.

    Attributes:
        served_name: The model that it answers for; empty where the engine starts with none.
        max_model_len: Tokens of prompt and answer together.
    """

    service: str
    engine: str
    port: int
    served_name: str
    model: str
    max_model_len: int
    rules: Mapping[str, Any] = field(init=False, repr=False)
    profile: Mapping[str, Any] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise NoStandIn(
                f"no stand-in for the engine '{self.engine}'; {did_you_mean(self.engine, ENGINES)}"
            )
        rows = rules_of(self.engine)
        object.__setattr__(self, "rules", {name: row["value"] for name, row in rows.items()})
        object.__setattr__(self, "profile", _profile(self.model))


@cache
def tables() -> dict[str, Any]:
    """The data of fields.json: models, and what llama.cpp carries."""
    text = resources.files(__package__).joinpath("fields.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


@cache
def contract_of(engine: str) -> dict[str, Any]:
    """What is known of an engine's API, each row with its source, as its file in `engines/contracts/` holds it."""
    text = CONTRACTS.joinpath(f"{engine}.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def rules_of(engine: str) -> dict[str, Any]:
    """The rows of an engine; what it does not say itself is as with the engine that it is `like`."""
    described = contract_of(engine)
    like = rules_of(described["like"]) if "like" in described else {}
    return {**like, **described["rules"]}


def accept(body: Body, route: Route, service: Service) -> Body:
    """The fields that the engine reads; raises Refusal where it or the stand-in would not do it."""
    rules = service.rules
    known = set(rules[f"{route}_fields"])
    surplus = sorted(set(body) - known)
    if surplus and rules["unknown_fields"] == "reject":
        raise Malformed(400, f"Extra inputs are not permitted: {', '.join(surplus)}", param=surplus[0])
    for name in ("messages" if route == "chat" else "prompt", *rules["required"]):
        if body.get(name) is None:
            raise Malformed(400, f"Field required: {name}", param=name)
    if not isinstance(body.get("model") or "", str):
        raise Malformed(400, "model must be text.", param="model")
    if (body.get("model") or service.served_name) != service.served_name or not service.served_name:
        message = rules["unknown_model_says"].format(model=body.get("model"))
        raise Refusal(rules["unknown_model"], message, "NotFoundError", "model")
    alone = body.get("stream_options") and not body.get("stream")
    if alone and rules["stream_options_alone"] == "reject":
        raise Refusal(400, "Stream options can only be defined when stream is true.", param="stream_options")
    accepted = {name: value for name, value in body.items() if name in known and value is not None}
    _check_types(accepted)
    if route == "completions":
        accepted["prompt"] = _one_prompt(accepted["prompt"], rules)
    _check_values(accepted, rules)
    _check_stop(accepted, rules)
    _check_logprobs(accepted, route, rules)
    _check_continued(accepted, known)
    _check_template_kwargs(accepted, service)
    _check_carried(accepted)
    return accepted


def translate(accepted: Body, service: Service) -> Body:
    """The request for llama.cpp, with the engine's defaults spelled out so that llama.cpp's never apply."""
    llamacpp = tables()["llamacpp"]
    values = dict(service.rules["defaults"])
    if service.rules["model_defaults"] and service.profile:
        values |= service.profile["generation_config"]
    values |= accepted
    carried = {other: values[name] for name, other in llamacpp["carried"].items() if name in values}
    return {**carried, **llamacpp["always"], **continuing(accepted, service)}


def continuing(accepted: Body, service: Service) -> Body:
    """The fields that make llama.cpp go on with the last message instead of beginning a new turn."""
    goes_on = bool(continued(accepted, service))
    return {"continue_final_message": True, "add_generation_prompt": False} if goes_on else {}


def continued(accepted: Body, service: Service) -> str:
    """The last message, where it is the assistant's and the engine goes on with it; empty where a new turn begins."""
    last = accepted.get("messages", [{}])[-1]
    if last.get("role") != "assistant" or not isinstance(last.get("content"), str):
        return ""
    asked = accepted.get("continue_final_message", False)
    text: str = last["content"]
    return text if asked or service.rules["assistant_last"] != "a new turn" else ""


def max_tokens(accepted: Body, route: Route, service: Service) -> int | None:
    """The most tokens that may be generated; None where neither the request nor the engine says."""
    default = service.rules["completions_max_tokens"] if route == "completions" else None
    value: int | None = accepted.get("max_completion_tokens", accepted.get("max_tokens", default))
    return value


def text_of(content: Any) -> str:
    """What a message says, its parts in a row."""
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content or ""


def _profile(model: str) -> Mapping[str, Any] | None:
    profiles: list[Mapping[str, Any]] = tables()["models"]
    return next((profile for profile in profiles if re.search(profile["match"], model)), None)


def _check_types(accepted: Body) -> None:
    """What is a table or a list in every engine, and the messages in it."""
    for kind, what, names in ((dict, "an object", _OBJECTS), (list, "a list", ("messages",))):
        for name in names:
            if name in accepted and not isinstance(accepted[name], kind):
                raise Malformed(400, f"{name} must be {what}.", param=name)
    messages = accepted.get("messages", [{"role": "user"}])
    if not messages:
        raise Refusal(400, "Provide at least one message.")
    for message in messages:
        if not isinstance(message, dict) or not message.get("role") or not isinstance(message["role"], str):
            raise Malformed(400, "Field required: messages.role", param="messages")
        _check_content(message.get("content"))


def _check_content(content: Any) -> None:
    """What a message says: text, or parts of which each is text."""
    if content is None or isinstance(content, str):
        return
    for part in content if isinstance(content, list) else [content]:
        kind = part.get("type") if isinstance(part, dict) and isinstance(content, list) else None
        if not isinstance(kind, str):
            raise Malformed(
                400, "content must be text, or a list of parts that have a type.", param="messages"
            )
        if kind != "text":
            message = f"the stand-in {SIGNATURE} reads text alone, no {kind}"
            raise Refusal(501, message, "NotImplementedError", "messages")
        if not isinstance(part.get("text"), str):
            raise Malformed(400, "A part of type text needs its text.")


def _one_prompt(prompt: Any, rules: Mapping[str, Any]) -> str | list[int]:
    """The prompt, as text or as tokens: itself, or the only one of a list."""
    if isinstance(prompt, list) and rules["prompts"] == "one text":
        raise Malformed(400, "prompt must be text.", param="prompt")
    several = isinstance(prompt, list) and bool(prompt) and isinstance(prompt[0], (str, list))
    if several and len(prompt) > 1:
        raise Refusal(501, "the stand-in carries out one prompt a request", "NotImplementedError", "prompt")
    one = prompt[0] if several else prompt
    tokens = isinstance(one, list) and all(type(token) is int and token >= 0 for token in one)
    if not tokens and not isinstance(one, str):
        raise Malformed(
            400, "prompt must be text, a list of tokens, or a list of one of these.", param="prompt"
        )
    if not one:
        named = "prompt" if isinstance(prompt, str) else None
        raise Refusal(400, "The prompt must not be empty.", param=named)
    return one  # type: ignore[no-any-return]


def _check_stop(accepted: Body, rules: Mapping[str, Any]) -> None:
    stop = accepted.get("stop", [])
    texts = [stop] if isinstance(stop, str) else stop
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        if rules["stop"]["no text"] == "reject":
            raise Malformed(400, "stop must be text or a list of texts.", param="stop")
    elif "" in texts and rules["stop"]["empty"] == "reject":
        raise Refusal(400, "stop cannot contain an empty string.")


def _check_logprobs(accepted: Body, route: Route, rules: Mapping[str, Any]) -> None:
    """How many of the likeliest tokens a request may ask for."""
    if route == "chat" and accepted.get("top_logprobs") and not accepted.get("logprobs"):
        raise Refusal(400, "top_logprobs needs logprobs.", param="top_logprobs")
    name, most = "top_logprobs" if route == "chat" else "logprobs", rules["most_logprobs"]
    count = accepted.get(name)
    if count is None or (isinstance(count, bool) and route == "completions"):
        return
    if not isinstance(count, int) or isinstance(count, bool):
        raise Malformed(400, f"{name} must be a whole number, got {json.dumps(count)}.", param=name)
    if most is None:
        return
    if count < 0:
        raise Refusal(400, f"{name} must be in [0, {most}], got {count}.", param=name)
    if count > most:
        message = f"Requested sample logprobs of {count}, which is greater than max allowed: {most}"
        raise Refusal(400, message, param="logprobs")


def _check_continued(accepted: Body, known: Set[str]) -> None:
    """Whether the last message can be continued; an engine that has a field for a new turn wants it off then."""
    if not accepted.get("continue_final_message"):
        return
    if "add_generation_prompt" in known and accepted.get("add_generation_prompt", True):
        message = "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
        raise Refusal(400, message)
    if accepted["messages"][-1]["role"] != "assistant":
        message = "the stand-in continues no message but the assistant's"
        raise Refusal(501, message, "NotImplementedError", "continue_final_message")


def _check_values(accepted: Body, rules: Mapping[str, Any]) -> None:
    for name, (low, high) in rules["limits"].items():
        if name not in accepted:
            continue
        value = accepted[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Malformed(400, f"{name} must be a number, got {json.dumps(value)}.", param=name)
        if name in rules.get("integers", ()) and value != int(value):
            raise Malformed(400, f"{name} must be a whole number, got {value}.", param=name)
        if (low is not None and value < low) or (high is not None and value > high):
            bound = "inf" if high is None else high
            named = None if name in rules.get("unnamed", ()) else name
            raise Refusal(400, f"{name} must be in [{low}, {bound}], got {value}.", param=named)
    for name in rules["above_zero"]:
        if accepted.get(name) == 0:
            named = None if name in rules.get("unnamed", ()) else name
            raise Refusal(400, f"{name} must be greater than zero, got 0.", param=named)
    for name, words in rules.get("words", {}).items():
        if name in accepted and accepted[name] not in words:
            raise Malformed(400, f"{name} must be one of {', '.join(words)}.", param=name)


def _check_template_kwargs(accepted: Body, service: Service) -> None:
    used = service.profile["template_kwargs"] if service.profile else []
    unused = sorted(set(accepted.get("chat_template_kwargs", {})) - set(used))
    if unused and service.rules["template_kwargs"] == "reject":
        message = f"The chat template does not use these chat_template_kwargs: {', '.join(unused)}"
        raise Refusal(400, message, param="chat_template_kwargs")


def _check_carried(accepted: Body) -> None:
    llamacpp = tables()["llamacpp"]
    able = {*llamacpp["carried"], *llamacpp["handled"], *llamacpp["neutral"]}
    if accepted.get("continue_final_message"):
        able.add("add_generation_prompt")
    for name, value in accepted.items():
        if name not in able and value not in ([], {}) and value != llamacpp["harmless"].get(name):
            message = f"the stand-in {SIGNATURE} cannot carry out '{name}': {json.dumps(value)}"
            raise Refusal(501, message, "NotImplementedError", name)
