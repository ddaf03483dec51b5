from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from gb10docs.cli import app
from gb10docs.evidence.inputs import Pins
from gb10docs.pages.page import read_page
from gb10docs.site import glossary, reference
from gb10docs.site.commands import Parameter, commands, options_of
from gb10docs.site.steps_json import PageSteps, steps_json
from gb10docs.site.tables import sections, table

ROOT = Path(__file__).parents[2]
PAGES = reference.pages(app)


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_that_of_the_program(name: str) -> None:
    path = ROOT / "docs" / reference.FOLDER / name
    assert path.is_file(), "run gb10docs site prepare"
    assert path.read_text() == PAGES[name], "the page is behind the program: run gb10docs site prepare"


def test_the_glossary_has_every_room_and_every_public_class() -> None:
    assert {path.parent.name for path in (ROOT / "gb10docs").glob("*/__init__.py")} == {*glossary.ROOMS}
    page = PAGES["glossary.md"]
    for room in glossary.ROOMS:
        part = page.partition(f"\n## {room}\n")[2].partition("\n## ")[0]
        for path in (ROOT / "gb10docs" / room).rglob("*.py"):
            for name in re.findall(r"^class ([A-Za-z]\w*)", path.read_text(), re.MULTILINE):
                assert f"| `{name}` |" in part, f"{path}: {name} is not in the glossary"
    assert not re.search(r"^\| `\w+` \| `[\w.]+` \|\s*\|$", page, re.MULTILINE), "a class says what it is"


def test_the_architecture_page_names_the_nouns_and_the_rooms_as_the_program_does() -> None:
    page = (ROOT / "docs/reference/architecture.md").read_text()
    assert glossary.nouns() in page, "copy the nouns from docs/reference/glossary.md"
    assert glossary.rooms() in page, "the rooms are otherwise: each package's first line says what it is"
    picture = re.findall(r"<text[^>]*>(\w+)</text>", page.partition("## The rooms")[2].partition("</svg>")[0])
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0][
        "layers"
    ]
    drawn = [room for layer in layers for room in layer.split(" | ") if room in glossary.ROOMS]
    assert picture == drawn, "the picture has the order that import-linter holds"


def test_where_to_start_reading_is_there() -> None:
    page = (ROOT / "docs/reference/architecture.md").read_text()
    named = re.findall(r"^\d\. `(\w+/\w+\.py)`", page, re.MULTILINE)
    assert len(named) == 5
    assert [name for name in named if not (ROOT / "gb10docs" / name).is_file()] == []


def test_nothing_of_the_program_is_left_untold() -> None:
    assert list(reference.missing(app)) == [], "tell it in gb10docs/site/reference.py"


@pytest.mark.parametrize("command", list(commands(app)), ids=lambda command: command.name)
def test_every_example_can_be_typed(command: Any) -> None:
    known = {name: one for one in command.parameters for name in one.name.split(", ")}
    for example in reference.EXAMPLES.get(command.name, ()):
        words = shlex.split(example)
        assert " ".join(words[: 1 + len(command.name.split())]) == f"gb10docs {command.name}"
        for word, value in zip(words, [*words[1:], ""], strict=True):
            if word.startswith("--"):
                assert word in known, f"{example}: no such option {word}"
                choices = known[word].value.split(", ")
                assert len(choices) == 1 or value in choices, f"{example}: {value} is none of {choices}"


def test_every_option_is_told() -> None:
    page = PAGES["command-line.md"]
    for command in commands(app):
        part = page.partition(f"\n## {command.name}\n")[2].partition("\n## ")[0]
        assert all(f"| `{one.name}` |" in part for one in command.parameters), command.name
        assert command.help.partition("\n")[0] in part


def test_commands_are_read_from_the_program() -> None:
    @click.group()
    @click.option("--version", is_flag=True, help="Say it.")
    def program(version: bool) -> None:
        pass

    @program.command()
    @click.argument("things", nargs=-1, required=True, help="What.")
    @click.option("--colour", "-c", type=click.Choice(["red", "blue"]), default="red", help="Which.")
    @click.option("--times", type=int, help="How often.")
    @click.option("--most", type=click.IntRange(min=1), default=3)
    @click.option("--folder", type=click.Path(), multiple=True, metavar="DIR")
    @click.option("--size", default=2.5)
    def paint_it(**_: object) -> None:
        """Paint.

        Twice.
        """

    @program.group()
    def inner() -> None:
        pass

    @inner.command("list")
    def list_() -> None:
        """List."""

    painted, listed = commands(program)
    assert (painted.name, painted.help) == ("paint-it", "Paint.\n\nTwice.")
    assert painted.parameters == (
        Parameter("THINGS", "TEXT", "required", True, "What."),
        Parameter("--colour, -c", "red, blue", "red", False, "Which."),
        Parameter("--times", "NUMBER", "", False, "How often."),
        Parameter("--most", "NUMBER", "3", False, ""),
        Parameter("--folder", "DIR", "", True, ""),
        Parameter("--size", "NUMBER", "2.5", False, ""),
    )
    assert (listed.name, listed.parameters) == ("inner list", ())
    assert options_of(program) == [Parameter("--version", "", "", False, "Say it.")]


def test_a_table_holds_whatever_is_in_a_cell_and_drops_empty_columns() -> None:
    made = table(("Name", "Empty", "Text"), [("a|b", "", "two\nlines"), ("c", "", "")])
    assert made == "| Name | Text |\n| --- | --- |\n| a\\|b | two lines |\n| c |  |\n"


def test_a_schema_is_told_model_by_model() -> None:
    schema = {
        "description": "The whole.",
        "properties": {
            "part": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}], "default": None},
            "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "description": "More."},
            "by_name": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
        "required": ["parts"],
        "$defs": {
            "Part": {
                "properties": {"kind": {"enum": ["a", "b"], "default": "a"}, "at": {"$ref": "#/$defs/At"}}
            },
            "At": {"type": "string", "examples": ["here"]},
            "Unused": {"properties": {}},
        },
    }
    told = sections(schema, "Whole")
    assert [line for line in told.split("\n") if line.startswith("#")] == ["## Whole", "## Part", "## At"]
    assert "| `part` | [Part](#part) or null |  |  |" in told
    assert "| `parts` | list of [Part](#part) | required | More. |" in told
    assert "| `by_name` | table of whole number |  |  |" in told
    assert '| `kind` | `a`, `b` | `"a"` |' in told
    assert "Text. Examples: `here`." in told


def test_the_steps_of_a_page_fit_the_schema_that_is_told() -> None:
    schema = PageSteps.model_json_schema(mode="serialization")
    page = read_page(ROOT / "docs/lessons/lesson-03.md", ROOT)
    jsonschema.Draft202012Validator(schema).validate(json.loads(steps_json(page, Pins(ROOT))))
    assert all("description" in field for field in schema["$defs"]["StepOnPage"]["properties"].values())
