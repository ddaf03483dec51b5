"""The block at the top of a snippet with its `[tool.gb10docs]` table, checked and typed.

Each key is one field, which says how it is read and what it means. Nothing is imported for it: a page has
hundreds of headers, and reading them comes before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.pages.need import MADE, BadNeed, Need, parse_duration, parse_need

Keys = tuple[str, ...]
"""The way to a value in the block: `("tool", "gb10docs", "needs")`."""
Reader = Callable[[Any, Keys], Any]
"""Takes what TOML holds; returns what the field holds."""
T = TypeVar("T")


class BadHeader(GB10DocsError):
    """A key or value that no header holds."""

    def __init__(self, reason: str, keys: Keys, value: object) -> None:
        super().__init__(reason)
        self.keys, self.value = keys, value


def _is(kind: type, wanted: str) -> Reader:
    def read(value: Any, keys: Keys) -> Any:
        if type(value) is not kind:
            raise BadHeader(f"'{keys[-1]}' wants {wanted}", keys, value)
        return value

    return read


_text = _is(str, "a text in quotes")
_flag = _is(bool, "true or false")
_table = _is(dict, "a table")
_list = _is(list, 'a list, as in ["docker"]')


def _many(read: Reader) -> Reader:
    return lambda value, keys: tuple(read(one, keys) for one in _list(value, keys))


def _written(parse: Callable[[str], Any], example: str) -> Reader:
    """What is a text, and more than that once parsed."""

    def read(value: Any, keys: Keys) -> Any:
        if not isinstance(value, str):
            raise BadHeader(f"{value!r} is no text: write it in quotes, as in {example}", keys, value)
        try:
            return parse(value)
        except BadNeed as error:
            raise BadHeader(str(error), keys, value) from error

    return read


_need = _written(parse_need, '"docker"')


def _made(value: Any, keys: Keys) -> Any:
    need = _need(value, keys)
    if need.kind not in MADE:
        reason = f"a step cannot make '{need}': it can make a model, a command or a result"
        raise BadHeader(reason, keys, value)
    return need


def _pattern(value: Any, keys: Keys) -> Any:
    try:
        re.compile(_text(value, keys))
    except (re.error, OverflowError, RecursionError) as error:
        raise BadHeader(f"'{value}' is no regular expression: {error}", keys, value) from error
    return value


def _json_schema(value: Any, keys: Keys) -> Any:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(_table(value, keys))
    except SchemaError as error:
        raise BadHeader(f"'json' is no JSON Schema: {error.message}", keys, value) from error
    return value


def _versions(value: Any, keys: Keys) -> Any:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(_text(value, keys))
    except InvalidSpecifier as error:
        raise BadHeader(f"'{value}' names no versions: write it as in \">=3.11\"", keys, value) from error
    return value


def _requirement(value: Any, keys: Keys) -> Any:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(_text(value, keys))
    except InvalidRequirement as error:
        raise BadHeader(f"'{value}' names no package: write it as in \"openai>=2\"", keys, value) from error
    return value


def _key(read: Reader, means: str) -> dict[str, Any]:
    return {"read": read, "means": means}


def _matching(pattern: str, means: str) -> dict[str, Any]:
    def read(value: Any, keys: Keys) -> Any:
        if not re.fullmatch(pattern, _text(value, keys)):
            raise BadHeader(f"'{keys[-1]}' is not written as one: {means}", keys, value)
        return value

    return {"read": read, "means": means, "pattern": pattern}


_ADDRESS = r"^$|^http://(127\.0\.0\.1|localhost):[0-9]{1,5}(/\S*)?$"
_WANTED = "an address of this machine with its port, as in http://127.0.0.1:8080/health"


def _address(value: Any, keys: Keys) -> Any:
    found = re.fullmatch(_ADDRESS, _text(value, keys))
    if not found:
        raise BadHeader(f"'{keys[-1]}' is not written as one: {_WANTED}", keys, value)
    if value and not 0 < int(value.split(":")[2].partition("/")[0]) < 2**16:
        raise BadHeader(f"'{value}' has no port from 1 to 65535: write {_WANTED}", keys, value)
    return value


def _within(kind: type) -> Reader:
    return lambda value, keys: _filled(kind, value, keys)


@dataclass(frozen=True, slots=True)
class Checks:
    """What the output of a step must show; `gb10docs.expect` says how each is checked."""

    contains: tuple[str, ...] = field(
        default=(),
        metadata=_key(
            _many(_text),
            "Each text occurs in standard output, read without colours and with plain line ends.",
        ),
    )
    matches: tuple[str, ...] = field(
        default=(),
        metadata=_key(
            _many(_pattern),
            "Each regular expression is found in standard output, read likewise, within the timeout.",
        ),
    )
    json: dict[str, Any] | None = field(
        default=None, metadata=_key(_json_schema, "Standard output is JSON that fits this JSON Schema.")
    )
    chat: bool = field(
        default=False,
        metadata=_key(
            _flag,
            "Standard output is sampled text with its finish reason and usage: not empty, "
            "a legal finish reason, completion_tokens within max_tokens, no cut-off think block.",
        ),
    )


@dataclass(frozen=True, slots=True)
class Expect(Checks):
    """The checks of a step, and those that hold only where no stand-in is involved."""

    real: Checks | None = field(
        default=None,
        metadata=_key(_within(Checks), "The same keys, checked only where no stand-in is involved."),
    )


@dataclass(frozen=True, slots=True)
class Header:
    """What a snippet declares to the runner."""

    needs: tuple[Need, ...] = field(
        default=(), metadata=_key(_many(_need), "What the step needs, as in `docker` or `memory:16GB`.")
    )
    makes: tuple[Need, ...] = field(
        default=(), metadata=_key(_many(_made), "Models, commands and results that later steps can need.")
    )
    serves: str = field(
        default="",
        metadata=_matching(
            r"^$|^(\w[\w.-]*/)*\w[\w.-]*:[\w-]+$", "Compose folder and service: `compose/trtllm:trtllm`."
        ),
    )
    stops: tuple[str, ...] = field(
        default=(), metadata=_key(_many(_text), "Services whose ports are closed afterwards.")
    )
    session: str = field(
        default="main", metadata=_matching(r"^[\w-]+$", "The bash session that the step runs in.")
    )
    timeout: float = field(
        default=120.0,
        metadata=_key(
            _written(parse_duration, '"90s"'), "Longest run: `90s`, `15m`, `2h`. In seconds once read."
        ),
    )
    optional: bool = field(
        default=False, metadata=_key(_flag, "Left out unless named; its absence is no fault.")
    )
    ready: str = field(
        default="",
        metadata={
            **_key(
                _address,
                "Address that answers 200 once a foreground server is up: `http://127.0.0.1:8080/health`.",
            ),
            "pattern": _ADDRESS,
        },
    )
    expect: Expect = field(default=Expect(), metadata=_key(_within(Expect), "Checks on the output."))

    @property
    def server(self) -> str:
        """The server that the step starts: a Compose service, a foreground server's session, or empty."""
        return self.serves.rpartition(":")[2] or (self.session if self.ready else "")

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions that the interpreter of a Python step must have."""
        return tuple(need.value for need in self.needs if need.kind == "package")


def _header(value: Any, keys: Keys) -> Header:
    header = _filled(Header, value, keys)
    if header.ready and header.session == "main":
        reason = "'ready' marks a foreground server, which needs a 'session' of its own"
        raise BadHeader(reason, keys, value)
    if header.ready and header.serves:
        reason = "'ready' marks a foreground server, 'serves' a Compose service: a step starts one of them"
        raise BadHeader(reason, keys, value)
    return header


def _tools(value: Any, keys: Keys) -> Header:
    """The table that is ours; those of other tools are none of our business."""
    tables = _table(value, keys)
    if "gb10docs" in tables:
        return _header(tables["gb10docs"], (*keys, "gb10docs"))
    import difflib

    near = difflib.get_close_matches("gb10docs", tables, n=1)
    if near:
        raise BadHeader(f"no such table [tool.{near[0]}]: did you mean [tool.gb10docs]?", keys, value)
    return Header()


@dataclass(frozen=True, slots=True)
class Block:
    """A whole PEP 723 block."""

    requires_python: str = field(
        default="", metadata=_key(_versions, "Versions of Python, one of which the step's has to be.")
    )
    dependencies: tuple[str, ...] = field(
        default=(), metadata=_key(_many(_requirement), "Packages that the step's Python has to have.")
    )
    tool: Header = field(default=Header(), metadata=_key(_tools, "Our table among those of other tools."))


def read_block(table: Mapping[str, Any]) -> Block:
    """What a block declares.

    Raises:
        BadHeader: A key is unknown, or a value is not what its key wants.
    """
    return _filled(Block, table, ())


KEYS: dict[type, dict[str, dict[str, Any]]] = {
    kind: {one.name.replace("_", "-"): {"name": one.name, **one.metadata} for one in fields(kind)}
    for kind in (Checks, Expect, Header, Block)
}
"""The keys of each table as an author writes them, with what they mean and how they are read."""


def _filled(kind: type[T], value: Any, keys: Keys) -> T:
    known = KEYS[kind]
    values = {}
    for key, inner in _table(value, keys).items():
        if key not in known:
            raise BadHeader(_unknown(key, kind), (*keys, key), inner)
        values[known[key]["name"]] = known[key]["read"](inner, (*keys, key))
    return kind(**values)


def _unknown(key: str, kind: type) -> str:
    if kind is Block and key in KEYS[Header]:
        return f"'{key}' is a key of ours: move it below a line [tool.gb10docs]"
    return f"no such header key '{key}': {did_you_mean(key, KEYS[kind])}"
