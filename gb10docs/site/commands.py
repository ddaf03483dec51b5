"""The command line as the program declares it: commands, and what each takes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import click

_VALUES = {"integer": "NUMBER", "float": "NUMBER", "path": "PATH"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option."""

    name: str
    """The option as it is typed: `--only`."""
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


def commands(app: click.Group, above: str = "") -> Iterator[Command]:
    """Every command of a program and its groups, in the order in which they are declared."""
    context = click.Context(app)
    for name in dict.fromkeys([*app.commands, *app.list_commands(context)]):
        command = app.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from commands(command, f"{above}{name} ")
        elif not command.hidden:
            yield Command(f"{above}{name}", inspect.cleandoc(command.help or ""), tuple(options_of(command)))


def options_of(command: click.Command) -> list[Parameter]:
    """What a command takes."""
    return [_parameter(one) for one in command.params]


def _parameter(one: click.Parameter) -> Parameter:
    name = one.human_readable_name if isinstance(one, click.Argument) else ", ".join(one.opts)
    return Parameter(name, _value(one), _default(one), one.multiple or one.nargs < 0, one.help or "")


def _value(one: click.Parameter) -> str:
    if one.metavar and isinstance(one, click.Option):
        return one.metavar
    if isinstance(one.type, click.Choice):
        return ", ".join(one.type.choices)
    is_flag = isinstance(one, click.Option) and one.is_flag
    return "" if is_flag else _VALUES.get(one.type.name.removesuffix(" range"), "TEXT")


def _default(one: click.Parameter) -> str:
    if one.required:
        return "required"
    default = one.to_info_dict()["default"]
    return "" if default in (None, False, "", ()) else str(default)
