"""The `[tool.gb10docs]` table at the top of a snippet, as a typed model."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gb10docs.needs import MADE, Need, parse_duration, parse_need


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"'{text}' is no regular expression: {error}") from error
    return text


def _makeable(need: Need) -> Need:
    if need.kind not in MADE:
        raise ValueError(f"a step cannot make '{need}': it can make a model, a command or a result")
    return need


Needed = Annotated[Need, BeforeValidator(lambda text: parse_need(text) if isinstance(text, str) else text)]
Made = Annotated[Needed, AfterValidator(_makeable)]
Seconds = Annotated[float, BeforeValidator(lambda text: parse_duration(text) if isinstance(text, str) else text)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Checks(_Table):
    """What the output of a step must show; `gb10docs.expect` says how each is checked."""

    contains: tuple[str, ...] = Field((), strict=False, description="Each text occurs in standard output.")
    matches: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(
        (), strict=False, description="Each regular expression is found in standard output."
    )
    json_schema: dict[str, Any] | None = Field(
        None, alias="json", description="Standard output is JSON that fits this JSON Schema."
    )
    chat: bool = Field(
        False,
        description="Standard output is sampled text with its finish reason and usage: not empty, "
        "a legal finish reason, completion_tokens within max_tokens, no cut-off think block.",
    )


class Expect(Checks):
    """The checks of a step, and those that hold only where no stand-in is involved."""

    real: Checks | None = Field(None, description="The same keys, checked only where no stand-in is involved.")


class Header(_Table):
    """What a snippet declares to the runner."""

    needs: tuple[Needed, ...] = Field((), strict=False, description="What the step needs, as in `docker` or `memory:16GB`.")
    makes: tuple[Made, ...] = Field((), strict=False, description="Models, commands and results that later steps can need.")
    serves: str = Field(
        "", pattern=r"^$|^[\w./-]+:[\w-]+$", description="Compose folder and service: `compose/trtllm:trtllm`."
    )
    stops: tuple[str, ...] = Field((), strict=False, description="Services whose ports are closed afterwards.")
    session: str = Field("main", pattern=r"^[\w-]+$", description="The bash session that the step runs in.")
    timeout: Seconds = Field(120.0, description="Longest run: `90s`, `15m`, `2h`. In seconds once read.")
    optional: bool = Field(False, description="Left out unless named; its absence is no fault.")
    ready: str = Field(
        "", pattern=r"^$|^http://", description="Address that answers 200 once a foreground server is up."
    )
    expect: Expect = Field(Expect(), description="Checks on the output.")

    @property
    def server(self) -> str:
        """The server that the step starts: a Compose service, or the session of a foreground server; else empty."""
        return self.serves.rpartition(":")[2] or (self.session if self.ready else "")

    @model_validator(mode="after")
    def _foreground_server_has_a_session(self) -> Header:
        if self.ready and self.session == "main":
            raise ValueError("'ready' marks a foreground server, which needs a 'session' of its own")
        return self
