"""The reference pages, made from the program itself: commands, header, needs, targets, and what it writes.

`gb10docs site prepare` writes them anew into this repository, where they are committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from gb10docs.pages import need
from gb10docs.pages.header import KEYS, Block
from gb10docs.plan import target
from gb10docs.site import glossary, schemas
from gb10docs.site.commands import Command, Parameter, commands, options_of
from gb10docs.site.steps_json import PageSteps
from gb10docs.site.tables import Schema, sections, table
from gb10docs.standins import catalog

FOLDER = "reference"
EXAMPLES = {
    "list": ("gb10docs list",),
    "run": (
        "gb10docs run lesson-03",
        "gb10docs run lesson-03 --target cpu --dry-run",
        "gb10docs run lesson-03 --target cpu --stand-in docker",
        "gb10docs run lesson-03 --only ask-vllm.sh --only ask-vllm.py",
        "gb10docs run lesson-03 --from serve-vllm --keep-going",
        "gb10docs run lesson-01 --allow privileged --strict",
        "gb10docs run lesson-03 --json report.json --junit report.xml",
        'gb10docs run lesson-03 --record --recorded-by "Ada"',
        "gb10docs run hello --root ../my-docs",
    ),
    "doctor": ("gb10docs doctor", "gb10docs doctor --target gb10 --allow privileged"),
    "clean": ("gb10docs clean",),
    "fit": (
        "gb10docs fit Qwen3-8B",
        "gb10docs fit Qwen3-30B-A3B --format nvfp4-w4a16 --context 32k --batch 8 --machine rtx-5090",
        "gb10docs fit ./my-checkpoint --cache fp8 --json fit.json",
    ),
    "inspect": (
        "gb10docs inspect ~/models/Qwen3-14B-NVFP4 --expect nvfp4",
        "gb10docs inspect nvidia/Qwen3-8B-NVFP4 --revision main",
        "gb10docs inspect ./model.safetensors --json -",
    ),
    "bench": (
        "gb10docs bench",
        "gb10docs bench --engine vllm --model Qwen3-8B-NVFP4",
        "gb10docs bench --url http://127.0.0.1:8001 --concurrency 1,2,4 --context 0,4k --json result.json",
    ),
    "bench report": (
        "gb10docs bench report",
        "gb10docs bench report trtllm vllm --markdown",
        "gb10docs bench report --html > results.html",
    ),
    "bench compare": ("gb10docs bench compare trtllm vllm",),
    "site prepare": ("gb10docs site prepare", "gb10docs site prepare --root ../my-docs --cell-timeout 120"),
    "evidence status": ("gb10docs evidence status",),
    "evidence diff": ("gb10docs evidence diff docs/evidence/lessons/lesson-03/cpu-llamacpp.json new.json",),
    "evidence drift": ("gb10docs evidence drift", "gb10docs evidence drift --days 30 --json"),
    "evidence refresh": ("gb10docs evidence refresh",),
}
"""Lines that can be typed, by command; a test parses each."""

NEEDS = {
    "docker": ("", "A Docker engine that answers", "Nothing, where a stand-in serves without one"),
    "gpu": ("", "Its GPU; on `nvidia`, any NVIDIA GPU", "Nothing, where a stand-in serves; else unmet"),
    "memory": ("16GB", "This much memory available", "Nothing, where a stand-in serves"),
    "disk": (
        "40GB",
        "This much disk free at home",
        "Nothing, where a stand-in serves or the local hub gives",
    ),
    "network": ("nvcr.io", "A host that answers on port 443", "A local hub for `huggingface.co`"),
    "command": ("jq", "A program on the PATH, or one that an earlier step makes", ""),
    "package": (
        "nvidia-modelopt",
        (
            "A Python environment that holds it: the session's own, one of `make engines`, or one in "
            "`GB10DOCS_ENGINES`"
        ),
        "",
    ),
    "secret": ("HF_TOKEN", "A variable that is set in the environment; its value is masked", ""),
    "server": ("trtllm", "A server that an earlier step starts", "A small model behind a real server"),
    "model": ("nvidia/Qwen3-8B-NVFP4", "A model that an earlier step makes", "A small model of that name"),
    "result": ("bench-vllm", "A result that an earlier step makes", ""),
    "privileged": ("", "Your leave to act as root: `--allow privileged`", ""),
    "destructive": ("", "Your leave to delete: `--allow destructive`", ""),
}
"""For each kind: a value as an example, what meets the need on a GB10, and on target `cpu` where that differs."""

TARGETS = {
    "gb10": ("A GB10, such as the DGX Spark", "The page's own containers and models"),
    "nvidia": (
        "A machine with another NVIDIA GPU",
        "vLLM as a process; models from the hub, or from a folder in `GB10DOCS_HUB`; no containers",
    ),
    "cpu": ("Any other, such as a laptop or CI", "A small real model behind a real server, and a local hub"),
}
"""What each target is, and what runs there."""

STAND_INS = {
    "llamacpp": ("SmolLM2-135M behind llama.cpp's own server", "Started and stopped by the runner instead"),
    "vllm-cpu": ("The same; for vLLM, vLLM itself on the CPU", "Started and stopped by the runner instead"),
    "docker": ("The small model, in the page's own containers", "Run as they are typed"),
}
"""For each stand-in: what answers, and what becomes of the commands that start and stop a server."""

FILES = {
    "llms.txt": "The index of all pages as text, after [llmstxt.org](https://llmstxt.org)",
    "lessons/lesson-03.txt": "A page as one Markdown text: commands in full, below each its evidence",
    "lessons/lesson-03.json": "The steps of a page, as told below",
    "snippets/lesson-03/ask-vllm.py": "A snippet with its header; `uv run` takes the address of a Python one",
    "evidence/lessons/lesson-03/cpu-llamacpp.json": "A [ledger](ledger.md): what is recorded on a target",
    "reference/ledger.schema.json": "A JSON Schema; also `report`, `inspection`, `bench` and `header`",
}
"""What the site has for programs, each with an example."""


def pages(app: click.Group) -> dict[str, str]:
    """File name to text of every reference page of the program."""
    bodies = {
        "command-line": _command_line(app),
        "snippet-header": _header(),
        "needs-and-targets": _needs_and_targets(),
        "report": _schema_page("report", "Report", schemas.report_schema()),
        "ledger": _schema_page("ledger", "Ledger", schemas.ledger_schema()),
        "inspection": _schema_page("inspection", "Inspection", schemas.inspection_schema()),
        "bench": _schema_page("bench", "Result", schemas.bench_schema()),
        "machines": _machines(),
        "glossary": glossary.body(),
    }
    made = {name: _page(*_ABOUT[name], body) for name, body in bodies.items()}
    return {f"{name}.md": text for name, text in {"index": _index(), **made}.items()}


def _page(title: str, description: str, body: str) -> str:
    front = f"---\ntitle: {title}\ndescription: {json.dumps(description)}\n---"
    return f"{front}\n\n{_NOTE}\n\n# {title}\n\n{description}\n\n{body.strip()}\n"


def _index() -> str:
    told = {**_ABOUT, **_BY_HAND}
    links = "\n".join(f"- [{title}]({name}.md): {about}" for name, (title, about) in told.items())
    return _page("Reference", "What gb10docs takes and writes, and how it is built.", links)


def _command_line(app: click.Group) -> str:
    return "\n".join([_options(options_of(app)), *(_command(command) for command in commands(app)), _EXIT])


def _command(command: Command) -> str:
    parts = [f"## {command.name}\n", f"{command.help}\n", _options(command.parameters)]
    if command.name in EXAMPLES:
        parts.append("```text\n{}\n```\n".format("\n".join(EXAMPLES[command.name])))
    return "\n".join(part for part in parts if part)


def _options(parameters: tuple[Parameter, ...] | list[Parameter]) -> str:
    rows = [(f"`{one.name}`", _value(one), _default(one), one.help) for one in parameters]
    return table(("Option", "Value", "Default", "Meaning"), rows) if rows else ""


def _value(parameter: Parameter) -> str:
    named = ", ".join(f"`{value}`" for value in parameter.value.split(", ") if value)
    return f"{named}; may be repeated" if parameter.repeats else named


def _default(parameter: Parameter) -> str:
    return parameter.default if parameter.default in {"", "required"} else f"`{parameter.default}`"


def _header() -> str:
    keys = ((f"`{name}`", key["means"]) for name, key in KEYS[Block].items() if name != "tool")
    around = f"Beside `[tool.gb10docs]` stand two keys of PEP 723:\n\n{table(('Key', 'Meaning'), keys)}"
    keys_told = sections(schemas.header_schema(), "Keys")
    return f"{_HEADER}\n{_FAILS}\n{keys_told}\n{around}\n{_schema_link('header')}"


def _needs_and_targets() -> str:
    met = ((f"`{need.Need(kind, value)}`", real, other) for kind, (value, real, other) in NEEDS.items())
    known = (name for name in target.NAMES if name != "auto")
    machines = ((f"`{name}`", *TARGETS[name]) for name in known)
    stand_ins = ((f"`{name}`", *STAND_INS[name]) for name in catalog.CHOICES)
    return (
        f"{_NEEDS}\n{table(('Need', 'Met on `gb10` by', 'On `cpu` instead by'), met)}\n"
        f"## Targets\n\n{_AUTO}\n{table(('Target', 'Machine', 'What runs'), machines)}\n"
        f"## Stand-ins\n\n{_INSTEAD}\n{table(('Stand-in', 'What answers', 'Commands of servers'), stand_ins)}\n"
        f"{_CONTAINERS}"
    )


def _schema_page(name: str, model: str, schema: Schema) -> str:
    """A page on a schema; of one for a model or a list of them, that model is told."""
    told = {"$defs": schema["$defs"], **schema["$defs"][model]} if "anyOf" in schema else schema
    return f"{sections(told, 'Fields')}\n{_schema_link(name)}"


def _machines() -> str:
    files = table(("Address", "What"), ((f"`{address}`", what) for address, what in FILES.items()))
    schema = PageSteps.model_json_schema(mode="serialization")
    return (
        f"Addresses are relative to the root of the site.\n\n{files}\n{sections(schema, 'Steps of a page')}"
    )


def _schema_link(name: str) -> str:
    return f"The same as JSON Schema: [{name}.schema.json]({name}.schema.json)."


def missing(app: click.Group) -> Iterator[str]:
    """What of the program the pages do not tell: commands without an example, needs, targets."""
    yield from (f"command {one.name}" for one in commands(app) if one.name not in EXAMPLES)
    yield from (f"need {kind}" for kind in sorted((need.PLAIN | need.WITH_VALUE) ^ NEEDS.keys()))
    yield from (f"target {name}" for name in sorted(({*target.NAMES} - {"auto"}) ^ TARGETS.keys()))
    yield from (f"stand-in {name}" for name in sorted({*catalog.CHOICES} ^ STAND_INS.keys()))


_ABOUT = {
    "command-line": ("Command line", "Every command of gb10docs, with its options and defaults."),
    "snippet-header": ("Snippet header", "What a snippet declares to the runner, and how it is checked."),
    "needs-and-targets": ("Needs and targets", "What a step can need, and what meets it on each target."),
    "report": ("Report", "What a run writes with --json: one report a page, or a list of them."),
    "ledger": ("Ledger", "What a run with --record keeps under docs/evidence/, and the site shows."),
    "inspection": ("Inspection", "What `gb10docs inspect --json` writes of a checkpoint."),
    "bench": (
        "Benchmark result",
        "What `gb10docs bench --json` writes, and keeps, of a server that it measured.",
    ),
    "machines": ("For programs and agents", "The course as text and JSON, and where each piece of it is."),
    "glossary": ("Glossary", "The nouns of gb10docs, and every public class, room by room."),
}
_BY_HAND = {
    "architecture": ("Architecture", "How a command flows, the rooms of the package, where to start reading.")
}
_NOTE = "<!-- Made by `gb10docs site prepare` from the program itself: do not edit. -->"
_EXIT = """## Exit status

`run` ends with 0 when all that ran passed, 1 when a step failed, 3 when nothing could run, and 130 when it
was interrupted. Every command ends with 2 when its input is wrong; the message says what, where, and what to
do."""
_HEADER = """A header is a [PEP 723](https://peps.python.org/pep-0723/) block, and the first thing in the
file; only a shebang may stand above it. Bash and Python write it alike. Pages show what is below it.

What `requires-python` and `dependencies` declare is checked against the interpreter that runs the step: one that
does not meet it fails the step. `uv run` makes an environment to it for who fetches the file alone.

A snippet stands alone: its text is copied and run without its folder, so it cannot import, source or open a file
that lies beside it. It names such a file by its path from the root, as in `snippets/lesson-03/calibration.txt`,
which makes the file an input of its evidence.

```text
# /// script
# requires-python = ">=3.11"
# dependencies = ["openai"]
#
# [tool.gb10docs]
# needs = ["server:trtllm"]
# timeout = "5m"
# expect.chat = true
# expect.real.contains = ["204"]
# ///
```
"""
_FAILS = """## When a step fails

A Python step fails when it ends with another status than 0. A bash step fails where a script under
`bash -eE -o pipefail` would stop, and no line after that one runs. Four things differ:

- Status 141, which is SIGPIPE, from any part of a pipe but the last is no failure: `yes | head -1`.
- A file that only ends with a condition that does not hold has not failed: `[[ -t 1 ]] && tput bold`.
- `return` may end the file; with another status than 0 the step has failed.
- An arithmetic error in a subscript or in an integer variable's value, as in `${a[1/0]}`, fails the step; a script
  goes on with its next command.

`set +e` holds for the rest of its step. Variables, functions, options and traps last on into the next step of the
session. `exit`, and errors at which bash gives up (`${x!y}`, a readonly variable), end the session; its next step gets
a fresh one.
"""
_NEEDS = """A step runs when each of its needs is met, by the machine or by an earlier step. Otherwise it
is skipped, and the report says what would meet it. A [snippet's header](snippet-header.md) lists them.
"""
_AUTO = """A target is a kind of machine. `--target auto`, the default, takes `gb10` where the machine has
one, else `cpu`. What stands in is named in every report, and never counts as the real thing.
"""
_INSTEAD = """On `cpu`, `--stand-in` says what answers in place of the page's engines; without it, the first.
"""
_CONTAINERS = """With `docker`, Compose reads `standin.yaml` after the `compose.yaml` beside it. It swaps the image,
drops the GPU and raised limits, and names a project of its own, so that containers and volumes of yours stay
apart. The image is built from `compose/standin/Dockerfile` out of what the runner itself runs on, upon
`python:3.11-slim` (of your Python's version) or the image that `GB10DOCS_BASE_IMAGE` names. It is the one thing
that is kept: the next run starts sooner. `docker image prune --all --filter label=gb10docs.standin` removes it.
"""
