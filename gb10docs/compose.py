"""A Compose service read as what a server is: engine, port, served name, limits, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gb10docs.errors import GB10DocsError, did_you_mean

_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_SERVED_NAME = ("--served-model-name", "--served_model_name")
_MAX_LENGTH = ("--max-model-len", "--max_seq_len", "--context-length")
_ENGINES = {"trtllm-serve": "trtllm", "vllm": "vllm", "sglang.launch_server": "sglang", "ollama": "ollama"}


class BadService(GB10DocsError):
    """A Compose file that does not say what a server is."""


@dataclass(frozen=True, slots=True)
class Service:
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


def read_service(root: Path, serves: str, at: str) -> Service:
    """Read `compose/trtllm:trtllm`; `at` is the file:line that names it."""
    folder, _, name = serves.rpartition(":")
    file = next((root / folder / file for file in _FILES if (root / folder / file).is_file()), None)
    if file is None:
        raise BadService(
            f"{at}: 'serves' names {folder}, which holds no compose.yaml: name the folder of one"
        )
    described = _read(file)
    services = described.get("services") or {}
    if not isinstance(services, dict) or not isinstance(services.get(name, {}), dict):
        raise BadService(f"{file}: 'services' is no table of tables: write it as Compose reads it")
    if name not in services:
        raise BadService(f"{at}: {file} has no service '{name}': {did_you_mean(name, map(str, services))}")
    return _service(name, services[name], file, str(described.get("name") or file.parent.name))


def _read(file: Path) -> dict[str, Any]:
    import yaml

    try:
        described = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise BadService(f"{file}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise BadService(f"{file}:{mark.line + 1 if mark else 1}: no valid YAML: mend it") from error
    if not isinstance(described, dict):
        raise BadService(f"{file}:1: no table of keys: write it as Compose reads it")
    return described


def _service(name: str, table: dict[str, Any], file: Path, project: str) -> Service:
    command = table.get("command") or []
    if not isinstance(command, list):
        raise BadService(
            f"{file}: the command of '{name}' is a string: write it as a list, so that it can be read"
        )
    words = [str(word) for word in command]
    engine = next((engine for word, engine in _ENGINES.items() if word in words), "")
    if not engine:
        raise BadService(
            f"{file}: the command of '{name}' starts no engine that is known here: "
            f"write one of {', '.join(_ENGINES)}"
        )
    model = _model(words, engine)
    served = _option(words, _SERVED_NAME) or (PurePosixPath(model).name if engine == "trtllm" else model)
    length = _option(words, _MAX_LENGTH) or "0"
    if not length.isdecimal():
        raise BadService(
            f"{file}: the longest context of '{name}' is '{length}': write it as a number of tokens"
        )
    sources = [_source(volume) for volume in table.get("volumes") or []]
    mounted = [file.parent / source for source in sources if source.startswith("./")]
    return Service(
        name=name,
        file=file,
        image=str(table.get("image", "")),
        engine=engine,
        port=_port(name, table, file),
        served_name=served,
        max_model_len=int(length),
        files=(file, *mounted),
        project=project,
    )


def _model(words: list[str], engine: str) -> str:
    """What the server loads: the first word after the program that is no option."""
    named = _option(words, ("--model", "--model-path"))
    after = words[words.index("trtllm-serve") + 1 :] if engine == "trtllm" else words[1:]
    return named or next((word for word in after if not word.startswith("-") and word != "serve"), "")


def _option(words: list[str], names: tuple[str, ...]) -> str:
    for position, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in names:
            return value if equals else words[position + 1] if position + 1 < len(words) else ""
    return ""


def _source(volume: object) -> str:
    source = volume.get("source", "") if isinstance(volume, dict) else str(volume).split(":")[0]
    return str(source)


def _port(name: str, table: dict[str, Any], file: Path) -> int:
    """The first published port; all of them must be published on this machine only."""
    published = [_published(entry) for entry in table.get("ports") or []]
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
