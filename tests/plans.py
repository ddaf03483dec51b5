"""A lesson in small, and what is planned of it on a target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gb10docs.pages.tree import read_pages
from gb10docs.plan.plan import Action, Plan, make_plan
from gb10docs.plan.target import Target


def snippet(*lines: str, body: str = "true") -> str:
    block = "".join(f"# {line}\n" for line in ("[tool.gb10docs]", *lines))
    return f"# /// script\n{block}# ///\n{body}\n"


def compose(name: str, port: int) -> str:
    return (
        f"services:\n  {name}:\n    image: i:1\n    ports: ['127.0.0.1:{port}:{port}']\n"
        "    command: [vllm, serve, /models/M]\n"
    )


LESSON = {
    "snippets/activate.sh": snippet('makes = ["command:python", "command:hf"]'),
    "snippets/pull.sh": snippet('needs = ["docker", "gpu"]'),
    "snippets/download.sh": snippet(
        'needs = ["command:hf", "network:huggingface.co"]', 'makes = ["model:a/M"]'
    ),
    "snippets/look.sh": snippet('needs = ["model:a/M"]'),
    "snippets/serve.sh": snippet(
        'needs = ["docker", "memory:20GB", "model:a/M"]', 'serves = "compose/vllm:vllm"'
    ),
    "snippets/ask.py": snippet('needs = ["server:vllm"]', body="print()"),
    "snippets/bench.sh": snippet('needs = ["server:vllm"]', 'makes = ["result:bench"]'),
    "snippets/tool.sh": snippet('makes = ["command:aiperf"]', "optional = true"),
    "snippets/use-tool.sh": snippet('needs = ["command:aiperf"]'),
    "snippets/report.sh": snippet('needs = ["result:bench"]'),
    "snippets/stop.sh": snippet('stops = ["vllm"]'),
    "snippets/sweep.sh": snippet('needs = ["privileged"]', body="sudo true"),
    "docs/p.md": [
        "activate.sh",
        "pull.sh",
        "download.sh",
        "look.sh",
        "serve.sh",
        "ask.py",
        "bench.sh",
        "tool.sh",
        "use-tool.sh",
        "report.sh",
        "stop.sh",
        "sweep.sh",
    ],
    "compose/vllm/compose.yaml": compose("vllm", 8002),
}


def plan(root: Path, target: Target, *names: str, only: Sequence[str] = (), start: str | None = None) -> Plan:
    return make_plan(read_pages(root, names or ["p"]), root, target, only=only, start=start)[-1]


def actions(made: Plan) -> dict[str, str]:
    return {planned.step.name: planned.action.value for planned in made.steps}


def reasons(made: Plan) -> dict[str, str]:
    return {planned.step.name: planned.reason for planned in made.steps if planned.action is not Action.RUN}
