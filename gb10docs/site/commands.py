"""The command line as a typer app declares it: commands, and what each takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin

import typer
from typer.main import get_command_name
from typer.models import ArgumentInfo, OptionInfo, ParamMeta
from typer.utils import get_params_from_function

_VALUES = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "PATH"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option."""

    name: str
    """As typed: `--only`."""
    value: str
    """What follows it, such as `STEP` or `gb10, cpu`; empty for a switch."""
    default: str
    """`required`, or what holds when it is left out; empty where nothing does."""
    repeats: bool
    help: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the program."""

    name: str
    """With the groups above it: `bench run`."""
    help: str
    parameters: tuple[Parameter, ...]


def commands(app: typer.Typer, above: str = "") -> Iterator[Command]:
    """Every command of an app and its groups, in the order in which they are declared."""
    for info in app.registered_commands:
        if info.callback and not info.hidden:
            name = info.name or get_command_name(info.callback.__name__)
            told = inspect.cleandoc(info.help or info.callback.__doc__ or "")
            yield Command(f"{above}{name}", told, tuple(_parameters(info.callback)))
    for group in app.registered_groups:
        inner = group.typer_instance
        if inner:
            named = group.name if isinstance(group.name, str) else inner.info.name
            yield from commands(inner, f"{above}{named} ")


def options_of(app: typer.Typer) -> list[Parameter]:
    """What the program takes before any command."""
    called = app.registered_callback
    return list(_parameters(called.callback)) if called and called.callback else []


def _parameters(callback: Any) -> Iterator[Parameter]:
    for meta in get_params_from_function(callback).values():
        if isinstance(meta.default, OptionInfo | ArgumentInfo):
            yield _parameter(meta, meta.default)


def _parameter(meta: ParamMeta, info: OptionInfo | ArgumentInfo) -> Parameter:
    kind, repeats = _kind(meta.annotation)
    if isinstance(info, ArgumentInfo):
        name = meta.name.upper()
    else:
        name = ", ".join(info.param_decls or [f"--{get_command_name(meta.name)}"])
    return Parameter(name, info.metavar or _value(kind), _default(info), repeats, info.help or "")


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The type of one value, and whether there can be several."""
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    if type(None) in get_args(annotation) and get_origin(annotation) is not None:
        return _kind(next(one for one in get_args(annotation) if one is not type(None)))
    return annotation, False


def _value(kind: Any) -> str:
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return ", ".join(str(member.value) for member in kind)
    return "" if kind is bool else _VALUES.get(kind, "TEXT")


def _default(info: OptionInfo | ArgumentInfo) -> str:
    default = info.default
    if default is ...:
        return "required"
    if default in (None, False, "", []):
        return ""
    return str(default.value if isinstance(default, Enum) else default)
