"""What must hold of pages before anything of them runs.

This catches an author's oversight. It confines nobody: a command can be written in more ways than it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args
from urllib.parse import urlsplit

from gb10docs.pages.need import Need
from gb10docs.pages.page import Page, Step
from gb10docs.pages.snippet import Language, Snippet
from gb10docs.pages.standing_alone import names_beside, refuse_neighbours
from gb10docs.plan import BadPlan
from gb10docs.plan.services import Services, place_of


class Rule(NamedTuple):
    """Text in a snippet that asks for a need."""

    need: Need
    language: Language
    words: tuple[str, ...]
    """One of these occurs in whatever the pattern finds: most snippets have none, and need no more looking at."""
    pattern: str
    what: str
    """What the text does, for the message."""


_COMMAND = (
    r"(?:^|[;&|({`]|\s-\w*c\s+[\"']|(?:^|\s)!\s"
    r"|\b(?:if|then|elif|else|while|until|do|time|exec|env|command|nohup|nice|xargs|sudo)\s"
    r"|\btimeout\s+\S+\s)\s*(?:\w+=\S*\s+)*"
)
"""Where bash reads a command's name: at a line's start, after an operator or a keyword, in `sh -c '…'`."""
_DOCKER = r"(?:docker|podman)\s+(?:-\S+\s+(?:[^-\s]\S*\s+)?)*?"
_HOME = r"[\"']?(?:~(?:[/\w-]|[\"'\s]|$)|\$\{?HOME\b)"
_START_UP = (
    r"\.(?:bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zprofile|zshenv)\b"
    r"|/etc/(?:profile|bash\.bashrc|environment)\b"
)
_START_UP_WORDS = ("rc", "profile", "login", "logout", "zshenv", "environment")

PRIVILEGED, DESTRUCTIVE = Need("privileged"), Need("destructive")


def _bash(need: Need, words: tuple[str, ...], pattern: str, what: str) -> Rule:
    return Rule(need, "bash", words, _COMMAND + pattern, what)


def _python(need: Need, words: tuple[str, ...], pattern: str, what: str) -> Rule:
    return Rule(need, "python", words, pattern, what)


RULES = (
    _bash(
        PRIVILEGED,
        ("sudo", "doas", "pkexec", "su"),
        r"(?:sudo|doas|pkexec|su)(?=\s|$)",
        "runs a command as root",
    ),
    _bash(
        DESTRUCTIVE,
        ("docker", "podman"),
        _DOCKER + r"(?:rmi|(?:image|volume)\s+(?:rm|remove|prune)|(?:system|builder)\s+prune)\b",
        "removes images or volumes",
    ),
    _bash(
        DESTRUCTIVE,
        ("docker",),
        r"docker(?:-|\s+)compose\b[^;&|]*\sdown\b[^;&|]*\s(?:-v|--volumes|--rmi)\b",
        "removes images or volumes",
    ),
    _bash(DESTRUCTIVE, ("rm",), rf"rm\s[^;&|]*?(?<=\s){_HOME}", "deletes in the home folder"),
    _bash(
        DESTRUCTIVE,
        ("rm",),
        r"rm(?=(?:\s+[^\s;&|]+)*?\s+-(?:\w*[rR]|-recursive))[^;&|]*\s[\"']?/(?!tmp/\w)",
        "deletes beyond this repository",
    ),
    _bash(
        DESTRUCTIVE,
        ("find",),
        rf"find\s+(?:{_HOME}|[\"']?/)[^;&|]*\s(?:-delete|-exec\s+rm)\b",
        "deletes beyond this repository",
    ),
    _bash(
        DESTRUCTIVE,
        _START_UP_WORDS,
        rf"(?:tee|sed\s[^;&|]*-\w*i|cp|mv|rm|ln|install)\b[^;&|]*(?:{_START_UP})",
        "edits a shell start-up file",
    ),
    Rule(
        DESTRUCTIVE,
        "bash",
        _START_UP_WORDS,
        rf">\s*[\"']?[^\s;&|]*(?:{_START_UP})",
        "edits a shell start-up file",
    ),
    _python(
        PRIVILEGED,
        ("sudo", "doas", "pkexec"),
        r"[\"'](?:sudo|doas|pkexec)(?:[\"']|\s)",
        "runs a command as root",
    ),
    _python(DESTRUCTIVE, ("rm",), r"\brmtree\s*\(|[\"']rm[\"'],|[\"']rm\s+-", "deletes folders"),
    _python(
        DESTRUCTIVE,
        ("docker",),
        r"[\"']docker[\"'], *[\"'](?:rmi|(?:image|volume|system)[\"'], *[\"'](?:rm|remove|prune))[\"']",
        "removes images or volumes",
    ),
    _python(DESTRUCTIVE, _START_UP_WORDS, _START_UP, "edits a shell start-up file"),
)

_RULES_OF = {
    language: [rule for rule in RULES if rule.language == language] for language in get_args(Language)
}
_REQUEST = re.compile(
    r"(?<![\w.])(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]):(?P<port>[0-9]{2,5})(?![:\w])"
)


def lint(pages: Iterable[Page], root: Path, services: Services) -> None:
    """Refuse pages of which a step does what it does not declare, or that cannot work in this order.

    Raises:
        BadPlan: With file:line, what is wrong, and what to do.
        BadPage: A snippet takes something from its own folder.
    """
    pages = list(pages)
    names_in = cache(names_beside)
    servers = {
        step.key: server for page in pages for step in page.steps if (server := _server(step, services))
    }
    for page in pages:
        here = {servers[step.key].name for step in page.steps if step.key in servers}
        _refuse_crossed_servers(page, servers)
        for step in page.steps:
            _refuse_misplaced(step.snippet)
            refuse_neighbours(step.snippet, names_in(step.snippet.path.parent), root)
            _refuse_undeclared(step.snippet)
            _refuse_stray_requests(step.snippet, servers.values(), here)


class _Server(NamedTuple):
    """What a step starts."""

    name: str
    port: int


def _server(step: Step, services: Services) -> _Server | None:
    header = step.snippet.header
    if step.key in services:
        return _Server(header.server, services[step.key].port)
    return _Server(header.server, urlsplit(header.ready).port or 80) if header.ready else None


def _refuse_misplaced(snippet: Snippet) -> None:
    """Packages are those of an interpreter, and only a Python step has one of its own."""
    if snippet.language == "bash" and snippet.header.packages:
        name = snippet.header.packages[0]
        raise BadPlan(f"{snippet.path}:1: the need 'package:{name}' is for Python steps: take it out")
    if snippet.language == "bash" and (snippet.dependencies or snippet.requires_python):
        raise BadPlan(
            f"{snippet.path}:1: 'dependencies' and 'requires-python' are for Python steps: take them out"
        )


def _refuse_undeclared(snippet: Snippet) -> None:
    """Commands that a person must grant, in a snippet that does not say so."""
    rules = [
        rule
        for rule in _RULES_OF[snippet.language]
        if any(word in snippet.body for word in rule.words) and rule.need not in snippet.header.needs
    ]
    for number, line in _lines(snippet) if rules else ():
        for rule in rules:
            if re.search(rule.pattern, line):
                raise BadPlan(
                    f"{snippet.path}:{number}: {rule.what}, which a person must grant: "
                    f"add '{rule.need}' to 'needs', or do without"
                )


def _refuse_stray_requests(snippet: Snippet, servers: Iterable[_Server], here: set[str]) -> None:
    """Requests to a server that the snippet does not say it needs, or that does not exist."""
    if ":" not in snippet.body:
        return
    header = snippet.header
    declared = {need.value for need in header.needs if need.kind == "server"} | {*header.stops, header.server}
    ports = {
        server.port: {other.name for other in servers if other.port == server.port} for server in servers
    }
    for number, line in _lines(snippet):
        for request in _REQUEST.finditer(line):
            port = int(request["port"])
            names = ports.get(port, set())
            if names and not names & declared:
                wanted = " or ".join(f"'server:{name}'" for name in sorted(names))
                raise BadPlan(
                    f"{snippet.path}:{number}: a request to port {port} without its server: "
                    f"add {wanted} to 'needs'"
                )
            if not names and here:
                known = ", ".join(
                    f"{server.name} {server.port}" for server in sorted(servers, key=lambda one: one.port)
                )
                raise BadPlan(
                    f"{snippet.path}:{number}: no server of these pages has port {port}: use one of {known}"
                )


def _refuse_crossed_servers(page: Page, servers: dict[str, _Server]) -> None:
    """A server on a port, or a step in a session, that another server still keeps busy."""
    up: dict[str, _Server] = {}
    for step in page.steps:
        header = step.snippet.header
        if header.session in up and header.session != "main":
            raise BadPlan(
                f"{place_of(step)}: session '{header.session}' is busy with the server in it: use another"
            )
        for name in header.stops:
            up.pop(name, None)
        server = servers.get(step.key)
        if server is None:
            continue
        other = next((one for one in up.values() if one.port == server.port or one.name == server.name), None)
        if other:
            raise BadPlan(
                f"{place_of(step)}: port {server.port} is still that of '{other.name}': stop it in an earlier step"
            )
        up[server.name] = server


def _lines(snippet: Snippet) -> Iterator[tuple[int, str]]:
    """The lines of the shown text without comment lines, those that a backslash continues joined."""
    begun, joined = 0, ""
    for number, line in enumerate(snippet.body.split("\n"), start=snippet.body_line):
        begun = begun or number
        if snippet.language == "bash" and line.endswith("\\"):
            joined += f"{line[:-1]} "
            continue
        if not (joined + line).lstrip().startswith("#"):
            yield begun, joined + line
        begun, joined = 0, ""
    if joined:
        yield begun, joined
