"""What an engine accepts and how it refuses: the tables of fields.json, applied to one request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from gb10docs.errors import GB10DocsError, did_you_mean

Body = dict[str, Any]
Route = Literal["chat", "completions"]
_OBJECTS = ("chat_template_kwargs", "response_format", "stream_options")


class RulesError(GB10DocsError):
    """A service names an engine for which there is no field table."""


class RefusalError(Exception):
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


class MalformedError(RefusalError):
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
        engines = tables()["engines"]
        if self.engine not in engines:
            raise RulesError(
                f"no stand-in for the engine '{self.engine}'; {did_you_mean(self.engine, engines)}"
            )
        rows = rules_of(self.engine)
        object.__setattr__(self, "rules", {name: row["value"] for name, row in rows.items()})
        object.__setattr__(self, "profile", _profile(self.model))


@cache
def tables() -> dict[str, Any]:
    """The data of fields.json: engines, models, and what llama.cpp carries."""
    text = resources.files(__package__).joinpath("fields.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def rules_of(engine: str) -> dict[str, Any]:
    """The rows of an engine; what it does not say itself is as with the engine that it is `like`."""
    described = tables()["engines"][engine]
    like = rules_of(described["like"]) if "like" in described else {}
    return {**like, **described["rules"]}


def accept(body: Body, route: Route, service: Service) -> Body:
    """The fields that the engine reads; raises RefusalError where it or the stand-in would not do it."""
    rules = service.rules
    known = set(rules[f"{route}_fields"])
    surplus = sorted(set(body) - known)
    if surplus and rules["unknown_fields"] == "reject":
        raise MalformedError(400, f"Extra inputs are not permitted: {', '.join(surplus)}", param=surplus[0])
    for name in ("messages" if route == "chat" else "prompt", *rules["required"]):
        if body.get(name) is None:
            raise MalformedError(400, f"Field required: {name}", param=name)
    if route == "completions" and not body["prompt"]:
        raise RefusalError(400, "The prompt must not be empty.", param="prompt")
    if (body.get("model") or service.served_name) != service.served_name or not service.served_name:
        message = rules["unknown_model_says"].format(model=body.get("model"))
        raise RefusalError(rules["unknown_model"], message, "NotFoundError", "model")
    alone = body.get("stream_options") and not body.get("stream")
    if alone and rules["stream_options_alone"] == "reject":
        raise RefusalError(
            400, "Stream options can only be defined when stream is true.", param="stream_options"
        )
    accepted = {name: value for name, value in body.items() if name in known and value is not None}
    _check_types(accepted)
    _check_values(accepted, rules)
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
    return {**carried, **llamacpp["always"]}


def max_tokens(accepted: Body, route: Route, service: Service) -> int | None:
    """The most tokens that may be generated; None where neither the request nor the engine says."""
    default = service.rules["completions_max_tokens"] if route == "completions" else None
    value: int | None = accepted.get("max_completion_tokens", accepted.get("max_tokens", default))
    return value


def _profile(model: str) -> Mapping[str, Any] | None:
    profiles: list[Mapping[str, Any]] = tables()["models"]
    return next((profile for profile in profiles if re.search(profile["match"], model)), None)


def _check_types(accepted: Body) -> None:
    """What is a table or a list in every engine, and the messages in it."""
    for kind, what, names in ((dict, "an object", _OBJECTS), (list, "a list", ("messages",))):
        for name in names:
            if name in accepted and not isinstance(accepted[name], kind):
                raise MalformedError(400, f"{name} must be {what}.", param=name)
    messages = accepted.get("messages", [{"role": "user"}])
    if not messages:
        raise RefusalError(400, "Provide at least one message.")
    if not all(isinstance(message, dict) and message.get("role") for message in messages):
        raise MalformedError(400, "Field required: messages.role", param="messages")
    if accepted.get("top_logprobs") and not accepted.get("logprobs"):
        raise RefusalError(400, "top_logprobs needs logprobs.", param="top_logprobs")


def _check_values(accepted: Body, rules: Mapping[str, Any]) -> None:
    for name, (low, high) in rules["limits"].items():
        if name not in accepted:
            continue
        value = accepted[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise MalformedError(400, f"{name} must be a number, got {json.dumps(value)}.", param=name)
        if name in rules.get("integers", ()) and value != int(value):
            raise MalformedError(400, f"{name} must be a whole number, got {value}.", param=name)
        if (low is not None and value < low) or (high is not None and value > high):
            bound = "inf" if high is None else high
            named = None if name in rules.get("unnamed", ()) else name
            raise RefusalError(400, f"{name} must be in [{low}, {bound}], got {value}.", param=named)
    for name in rules["above_zero"]:
        if accepted.get(name) == 0:
            named = None if name in rules.get("unnamed", ()) else name
            raise RefusalError(400, f"{name} must be greater than zero, got 0.", param=named)
    for name, words in rules.get("words", {}).items():
        if name in accepted and accepted[name] not in words:
            raise MalformedError(400, f"{name} must be one of {', '.join(words)}.", param=name)


def _check_template_kwargs(accepted: Body, service: Service) -> None:
    used = service.profile["template_kwargs"] if service.profile else []
    unused = sorted(set(accepted.get("chat_template_kwargs", {})) - set(used))
    if unused and service.rules["template_kwargs"] == "reject":
        message = f"The chat template does not use these chat_template_kwargs: {', '.join(unused)}"
        raise RefusalError(400, message, param="chat_template_kwargs")


def _check_carried(accepted: Body) -> None:
    llamacpp = tables()["llamacpp"]
    able = {*llamacpp["carried"], *llamacpp["handled"], *llamacpp["neutral"]}
    for name, value in accepted.items():
        if (
            name == "prompt"
            and isinstance(value, list)
            and not all(isinstance(token, int) for token in value)
        ):
            raise RefusalError(
                501, "the stand-in carries out one prompt a request", "NotImplementedError", name
            )
        if name not in able and value not in ([], {}) and value != llamacpp["harmless"].get(name):
            message = (
                f"the stand-in llamacpp/SmolLM2-135M-Instruct cannot carry out '{name}': {json.dumps(value)}"
            )
            raise RefusalError(501, message, "NotImplementedError", name)
