"""A Compose service read as what a server is: engine, port, served name, limits, and its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from gb10docs.engines import ENGINES, BadService, engine
from gb10docs.engines.engine import PLAIN, Engine
from gb10docs.errors import did_you_mean
from gb10docs.pages import yaml_text

FILE, OVERRIDE = "compose.yaml", "standin.yaml"
"""A Compose file, and what beside it swaps the images of its services where a stand-in answers."""
_FILES = (FILE, "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_PORT = ("--port",)
_SWITCH = re.compile(
    r"--(?:no|enable|disable|enforce|trust|use|skip|allow|async|return|verbose)[-_]|--verbose$|-v$"
)
"""Options of these engines that take no value."""
_NUMBER = re.compile(r"-[0-9.]+")
_STARTED_BY = {one.program: one for one in ENGINES.values()}
"""Engines by the word of a command that starts them."""

_AS_LISTS = {
    "command": "[vllm, serve, MODEL]",
    "entrypoint": "[vllm, serve]",
    "ports": '["127.0.0.1:8001:8001"]',
    "volumes": '["./conf:/etc/conf:ro"]',
}
_COLON = re.compile(r":(?![^{]*\})")
"""Between the parts of a mount, not within `${NAME:-default}`."""


class Command(NamedTuple):
    """What the command of a service says of the server that it starts."""

    engine: str
    """Empty if it starts none that is known here."""
    model: str
    """What it loads."""
    served_name: str
    """The model name that requests carry."""
    port: str
    """That it listens on, empty where it does not say."""
    max_model_len: str
    """Tokens of prompt and answer together; `0` where it does not say."""


class Mount(NamedTuple):
    """What a container sees under a path of its own."""

    target: str
    source: str
    """A path on this machine as the Compose file writes it, or the name of a volume."""
    volume: bool


class Service(NamedTuple):
    """One server of the page, as its Compose service describes it."""

    name: str
    file: Path
    image: str
    engine: str
    port: int
    """On 127.0.0.1."""
    served_name: str
    """The model name that requests carry."""
    max_model_len: int
    """Tokens of prompt and answer together; 0 where the command does not say."""
    files: tuple[Path, ...]
    """The Compose file and what it mounts out of its folder."""
    project: str
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()


def read_service(
    root: Path, serves: str, at: str, read: Callable[[Path], dict[str, Any]] | None = None
) -> Service:
    """Read `compose/trtllm:trtllm`.

    Args:
        root: The tree that it is in.
        serves: The folder, and the service in its Compose file.
        at: The file:line that names it.
        read: What reads a file in place of `read_file`, such as one that remembers files.

    Raises:
        BadService: It cannot be read; the message says where and why.
    """
    read = read or read_file
    folder, _, name = serves.rpartition(":")
    file = next((root / folder / file for file in _FILES if (root / folder / file).is_file()), None)
    if file is None:
        raise BadService(
            f"{at}: 'serves' names {folder}, which holds no compose.yaml: name the folder of one"
        )
    described = read(file)
    services = described.get("services") or {}
    if not isinstance(services, dict) or not isinstance(services.get(name, {}), dict):
        raise BadService(f"{file}: 'services' is no table of tables: write it as Compose reads it")
    if name not in services:
        raise BadService(f"{at}: {file} has no service '{name}': {did_you_mean(name, map(str, services))}")
    return _service(name, services[name], file, str(described.get("name") or file.parent.name))


def override_of(service: Service) -> Path | None:
    """The `standin.yaml` beside a service's Compose file; None where there is none."""
    override = service.file.with_name(OVERRIDE)
    return override if service.file.name == FILE and override.is_file() else None


def with_override(service: Service) -> Service | None:
    """The service as `standin.yaml` beside its Compose file makes it; None where there is no such file.

    Raises:
        BadService: The file does not name a project of its own, so that it would touch the page's containers.
    """
    override = override_of(service)
    if not override:
        return None
    project = str(read_file(override).get("name") or service.project)
    if project == service.project:
        raise BadService(f"{override}: no 'name' of its own: add one, as in name: {service.project}-standin")
    return service._replace(project=project, files=(*service.files, override))


def read_command(words: list[str]) -> Command:
    """Read the command list of a service."""
    program = PurePosixPath(words[0]).name if words else ""
    called = [program, *words[1:]]
    at = next((position for position, word in enumerate(called) if word in _STARTED_BY), -1)
    starts = _STARTED_BY[called[at]] if at >= 0 else PLAIN
    model = _model(words[at + 1 :], starts)
    named = _option(words, starts.served_name_options)
    return Command(
        engine=starts.name,
        model=model,
        served_name=named or (PurePosixPath(model).name if starts.serves_by_folder else model),
        port=_option(words, _PORT),
        max_model_len=_option(words, starts.length_options) or "0",
    )


def read_file(file: Path) -> dict[str, Any]:
    """What a Compose file holds.

    Raises:
        BadService: It cannot be read, or is no table.
    """
    import yaml

    try:
        described = _parse(file.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise BadService(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        if isinstance(error, yaml_text.TooLarge):
            raise BadService(f"{file}:1: cannot be read: {error}: write it with fewer aliases") from error
        raise BadService(f"{file}:{mark.line + 1 if mark else 1}: no valid YAML: mend it") from error
    if not isinstance(described, dict):
        raise BadService(f"{file}:1: no table of keys: write it as Compose reads it")
    return described


def _parse(text: str) -> Any:
    """YAML as Compose writes it: `!reset` and `!override` say how files are merged, which nobody here asks."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    for tag in ("!reset", "!override"):
        Loader.add_constructor(tag, lambda *_: None)
    return yaml_text.load(text, Loader)


def _service(name: str, table: dict[str, Any], file: Path, project: str) -> Service:
    command = [*_words("entrypoint", name, table, file), *_words("command", name, table, file)]
    said = read_command([*_of_image(table), *command])
    if not said.engine:
        raise BadService(
            f"{file}: the command of '{name}' starts no engine that is known here: "
            f"write one of {', '.join(_STARTED_BY)}"
        )
    if not said.model and engine(said.engine).names_its_model:
        raise BadService(
            f"{file}: the command of '{name}' does not say which model it loads: "
            "name it right after 'serve', or with --model"
        )
    if not said.max_model_len.isdecimal():
        raise BadService(
            f"{file}: the longest context of '{name}' is '{said.max_model_len}': write it as a number of tokens"
        )
    mounts = tuple(_mount(volume, name, file) for volume in _list("volumes", name, table, file))
    mounted = [file.parent / mount.source for mount in mounts if mount.source.startswith("./")]
    return Service(
        name=name,
        file=file,
        image=str(table.get("image", "")),
        engine=said.engine,
        port=_port(name, table, file),
        served_name=said.served_name,
        max_model_len=int(said.max_model_len),
        files=(file, *mounted),
        project=project,
        command=tuple(command),
        environment=tuple(_environment(table.get("environment") or {})),
        mounts=mounts,
    )


def _words(key: str, name: str, table: dict[str, Any], file: Path) -> list[str]:
    if isinstance(table.get(key), str):
        raise BadService(
            f"{file}: the {key} of '{name}' is a string: write it as a list, so that it can be read"
        )
    return [str(word) for word in _list(key, name, table, file)]


def _list(key: str, name: str, table: dict[str, Any], file: Path) -> list[Any]:
    """A list of a service, empty where it has none."""
    found = table.get(key) or []
    if not isinstance(found, list):
        raise BadService(f"{file}: '{key}' of '{name}' is no list: write it as one, as in {_AS_LISTS[key]}")
    return found


def _of_image(table: dict[str, Any]) -> list[str]:
    """The command of an image that starts its engine by itself, as if it were started like the others."""
    image = str(table.get("image", ""))
    starts = next(
        (one for one in ENGINES.values() if one.starts_in and image.startswith(one.starts_in)), None
    )
    if starts is None:
        return []
    said = dict(_environment(table.get("environment") or {}))
    options = ((option, said[name]) for name, option in starts.variables if name in said)
    return [starts.program, *(word for pair in options for word in pair)]


def _model(after: list[str], starts: Engine) -> str:
    """What the server loads: what an option names, else the first word after the program that is no option's."""
    alone = [word for word in _without_options(after) if word != "serve"]
    return _option(after, starts.model_options) or next(iter(alone), "")


def _without_options(words: list[str]) -> Iterator[str]:
    """The words that are no option and no option's value; an option has one unless it is known to be a switch."""
    takes_next = False
    for word in words:
        if word.startswith("-") and not _NUMBER.fullmatch(word):
            takes_next = "=" not in word and not _SWITCH.match(word)
        elif takes_next:
            takes_next = False
        else:
            yield word


def _option(words: list[str], names: tuple[str, ...]) -> str:
    for position, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in names:
            return value if equals else words[position + 1] if position + 1 < len(words) else ""
    return ""


def _mount(volume: object, name: str, file: Path) -> Mount:
    """One entry of `volumes`, written long or short; a source that is no path is the name of a volume."""
    if isinstance(volume, dict):
        source, target = str(volume.get("source", "")), str(volume.get("target", ""))
    else:
        parts = _COLON.split(str(volume))
        source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    if not target.strip():
        raise BadService(
            f"{file}: '{name}' mounts '{volume}', which names no path in the container: write it as ./conf:/etc/conf:ro"
        )
    return Mount(target, source, "/" not in source and not source.startswith((".", "~", "$")))


def _environment(table: object) -> Iterator[tuple[str, str]]:
    """Variables of a container, written as a table or as a list of NAME=VALUE."""
    if isinstance(table, dict):
        yield from ((str(name), str(value)) for name, value in table.items() if value is not None)
    elif isinstance(table, list):
        yield from ((name, value) for name, _, value in (str(entry).partition("=") for entry in table))


def _port(name: str, table: dict[str, Any], file: Path) -> int:
    """The first published port; all of them must be published on this machine only."""
    published = [_published(entry) for entry in _list("ports", name, table, file)]
    if not published:
        raise BadService(f"{file}: '{name}' publishes no port: add one, as in 127.0.0.1:8001:8001")
    for host, port in published:
        if host != "127.0.0.1" or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise BadService(
                f"{file}: '{name}' publishes '{host}:{port}': write it as 127.0.0.1:8001:8001, "
                "one port in digits, for this machine only"
            )
    return int(published[0][1])


def _published(entry: object) -> tuple[str, str]:
    """Host address and port on this machine of one entry, empty where it names none."""
    if isinstance(entry, dict):
        return str(entry.get("host_ip", "")), str(entry.get("published", ""))
    host, _, port = str(entry).rpartition(":")[0].rpartition(":")
    return host, port
