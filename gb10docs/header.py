"""The block at the top of a snippet with its `[tool.gb10docs]` table, as a typed model."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from gb10docs.needs import MADE, Need, parse_duration, parse_need


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"'{text}' is no regular expression: {error}") from error
    return text


def _json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"'json' is no JSON Schema: {error.message}") from error
    return schema


def _makeable(need: Need) -> Need:
    if need.kind not in MADE:
        raise ValueError(f"a step cannot make '{need}': it can make a model, a command or a result")
    return need


def _text(value: Any, example: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text: write it in quotes, as in {example}")
    return value


Needed = Annotated[Need, BeforeValidator(lambda value: parse_need(_text(value, '"docker"')))]
Made = Annotated[Needed, AfterValidator(_makeable)]
Seconds = Annotated[float, BeforeValidator(lambda value: parse_duration(_text(value, '"90s"')))]
Schema = Annotated[dict[str, Any], AfterValidator(_json_schema)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Checks(_Table):
    """What the output of a step must show; `gb10docs.expect` says how each is checked."""

    contains: tuple[str, ...] = Field(
        default=(), strict=False, description="Each text occurs in standard output."
    )
    matches: tuple[Annotated[str, AfterValidator(_pattern)], ...] = Field(
        default=(), strict=False, description="Each regular expression is found in standard output."
    )
    json_schema: Schema | None = Field(
        default=None, alias="json", description="Standard output is JSON that fits this JSON Schema."
    )
    chat: bool = Field(
        default=False,
        description="Standard output is sampled text with its finish reason and usage: not empty, "
        "a legal finish reason, completion_tokens within max_tokens, no cut-off think block.",
    )


class Expect(Checks):
    """The checks of a step, and those that hold only where no stand-in is involved."""

    real: Checks | None = Field(
        default=None, description="The same keys, checked only where no stand-in is involved."
    )


class Header(_Table):
    """What a snippet declares to the runner."""

    needs: tuple[Needed, ...] = Field(
        default=(), strict=False, description="What the step needs, as in `docker` or `memory:16GB`."
    )
    makes: tuple[Made, ...] = Field(
        default=(), strict=False, description="Models, commands and results that later steps can need."
    )
    serves: str = Field(
        default="",
        pattern=r"^$|^(\w[\w.-]*/)*\w[\w.-]*:[\w-]+$",
        description="Compose folder and service: `compose/trtllm:trtllm`.",
    )
    stops: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), strict=False, description="Services whose ports are closed afterwards."
    )
    session: str = Field(
        default="main", pattern=r"^[\w-]+$", description="The bash session that the step runs in."
    )
    timeout: Seconds = Field(
        default=120.0, description="Longest run: `90s`, `15m`, `2h`. In seconds once read."
    )
    optional: bool = Field(default=False, description="Left out unless named; its absence is no fault.")
    ready: str = Field(
        default="",
        pattern=r"^$|^http://(127\.0\.0\.1|localhost):[0-9]{1,5}(/\S*)?$",
        description="Address that answers 200 once a foreground server is up: `http://127.0.0.1:8080/health`.",
    )
    expect: Expect = Field(default=Expect(), description="Checks on the output.")

    @property
    def server(self) -> str:
        """The server that the step starts: a Compose service, a foreground server's session, or empty."""
        return self.serves.rpartition(":")[2] or (self.session if self.ready else "")

    @model_validator(mode="after")
    def _foreground_server_has_a_session(self) -> Header:
        if self.ready and self.session == "main":
            raise ValueError("'ready' marks a foreground server, which needs a 'session' of its own")
        if self.ready and self.serves:
            raise ValueError(
                "'ready' marks a foreground server, 'serves' a Compose service: a step starts one of them"
            )
        return self


class Tools(BaseModel):
    """The `tool` tables of a header; those of other tools are none of ours."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    gb10docs: Header = Header()

    @model_validator(mode="before")
    @classmethod
    def _is_spelt_right(cls, table: Any) -> Any:
        near = difflib.get_close_matches("gb10docs", table, n=1) if isinstance(table, dict) else []
        if near and near[0] != "gb10docs":
            raise ValueError(f"no such table [tool.{near[0]}]: did you mean [tool.gb10docs]?")
        return table


class Block(_Table):
    """A whole PEP 723 block."""

    requires_python: str = Field(
        default="", alias="requires-python", description="Versions of Python, for `uv run`."
    )
    dependencies: tuple[str, ...] = Field(default=(), strict=False, description="Packages, for `uv run`.")
    tool: Tools = Tools()
