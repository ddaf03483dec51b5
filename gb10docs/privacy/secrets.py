"""What is private about this machine: its secrets, and the places that name machine and user.

Secrets are what the environment holds under a name of one (`HF_TOKEN`, `DB_PASSWORD`), the passwords in its
addresses, what `GB10DOCS_SECRETS=NAME,OTHER` and the `secret:NAME` needs of a page declare, and what the files hold
that the Hub, curl, Docker and NGC keep their logins in.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gb10docs.machine import environments
from gb10docs.privacy.redactor import SHORTEST_SECRET, SURE_SECRET, Redactor
from gb10docs.privacy.tokens import is_secret

DECLARED = "GB10DOCS_SECRETS"
"""The variable that names others whose values are secret, with commas between."""

_CREDENTIALS = re.compile(r"://(?:[^/\s:@]*:)?([^/\s@]+)@")
_LARGEST_FILE = 2**18


def redactor(
    env: Mapping[str, str], places: Mapping[str, str] | None = None, *, declared: Iterable[str] = ()
) -> Redactor:
    """What hides this machine's secrets and names, and the places given.

    Args:
        env: The environment.
        places: Text to what replaces it, before this machine's own; see `gb10docs.places`.
        declared: Names of variables whose values are secret, whatever they are called.
    """
    return Redactor(secrets_in(env, declared), {**(places or {}), **this_machine(env)})


def of_run(root: Path, declared: Iterable[str]) -> Redactor:
    """What hides, in all that a run tells, this machine's secrets and names and the secrets that its pages declare."""
    return redactor(os.environ, {str(root): "."} | _own_python(), declared=declared)


def of_tree(root: Path) -> Redactor:
    """What hides them in what is made of a tree, such as its notebooks."""
    made = of_run(root, ())
    made.add_places(default_package_index())
    return made


def _own_python() -> dict[str, str]:
    return {sys.prefix: ".venv"} if sys.prefix != sys.base_prefix else {}


def secrets_in(env: Mapping[str, str], declared: Iterable[str] = ()) -> dict[str, str]:
    """The values that must not be shown, by the names of their variables or of what keeps them."""
    names = [*declared, *(name.strip() for name in env.get(DECLARED, "").split(","))]
    secrets = {name: env[name] for name in names if len(env.get(name, "").encode()) >= SHORTEST_SECRET}
    for name, value in env.items():
        if name != DECLARED and len(value.encode()) >= SURE_SECRET and is_secret(name, value):
            secrets.setdefault(name, value)
    for name, value in env.items():
        for number, password in enumerate(_CREDENTIALS.findall(value)):
            if len(password) >= SHORTEST_SECRET:
                secrets.setdefault(
                    name if not number and name not in secrets else f"{name} {number + 1}", password
                )
    for label, value in _stored(env):
        if len(value.encode()) >= SHORTEST_SECRET and value not in secrets.values():
            known = label in secrets
            secrets[f"{label} {sum(one.startswith(label) for one in secrets) + 1}" if known else label] = (
                value
            )
    return secrets


def _stored(env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What files keep of logins: a name for it, and the secret."""
    home = Path(env.get("HOME") or "/")
    hub = Path(env.get("HF_HOME") or Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "huggingface")
    for file in (Path(env.get("HF_TOKEN_PATH") or hub / "token"), home / ".huggingface/token"):
        yield "HF_TOKEN", _text(file).strip()
    for value in re.findall(r"^\s*hf_token\s*=\s*(\S+)", _text(hub / "stored_tokens"), re.MULTILINE):
        yield "HF_TOKEN", value
    for value in re.findall(r"\bpassword\s+(\S+)", _text(Path(env.get("NETRC") or home / ".netrc"))):
        yield "netrc", value
    yield from _of_docker(_text(Path(env.get("DOCKER_CONFIG") or home / ".docker") / "config.json"))
    ngc = Path(env.get("NGC_CLI_HOME") or home) / ".ngc/config"
    for value in re.findall(r"^\s*apikey\s*=\s*(\S+)", _text(ngc), re.MULTILINE):
        yield "NGC_API_KEY", value


def _of_docker(config: str) -> Iterator[tuple[str, str]]:
    """Logins as they are written there, and the passwords in them."""
    try:
        logins = json.loads(config)["auths"].values()
        kept = [str(value) for login in logins for key, value in login.items() if key in _OF_A_LOGIN]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return
    for value in kept:
        yield "docker login", value
        with contextlib.suppress(binascii.Error, UnicodeDecodeError, ValueError):
            yield "docker login", base64.b64decode(value, validate=True).decode().partition(":")[2]


_OF_A_LOGIN = ("auth", "password", "identitytoken", "registrytoken")


def _text(file: Path) -> str:
    """What a file holds; nothing where there is none, or it is no file, too large or not ours to read."""
    with contextlib.suppress(OSError, ValueError):
        if file.is_file() and file.stat().st_size <= _LARGEST_FILE:
            return file.read_text(encoding="utf-8", errors="replace")
    return ""


def this_machine(env: Mapping[str, str]) -> dict[str, str]:
    """The places that name this machine and its user: home folder, user, host, addresses, where engines are."""
    users, home = (env.get("USER", ""), env.get("LOGNAME", "")), env.get("HOME", "").rstrip("/")
    places = dict.fromkeys(users, "user") | {home: "~"}
    places |= {socket.gethostname(): "host"} | dict.fromkeys(_own_addresses(), "address")
    places |= dict.fromkeys(_package_indexes(env), "[package index]")
    places |= {str(folder): folder.name for folder in environments.folders()}
    return {text: word for text, word in places.items() if text}


def _package_indexes(env: Mapping[str, str]) -> Iterator[str]:
    """The places that pip is configured to take packages from: pip prints them, and they may be nobody's business."""
    home = Path(env.get("HOME", "/"))
    given = [Path(env["PIP_CONFIG_FILE"])] if env.get("PIP_CONFIG_FILE") else []
    files = [
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    names = ("index-url", "extra-index-url", "find-links")
    for name in names:
        yield from env.get(f"PIP_{name.replace('-', '_').upper()}", "").split()
    present = [file for file in (*files, *given) if file.is_file()]
    if not present:
        return
    import configparser

    config = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error, UnicodeDecodeError):
        config.read(present)
    for section in config.sections():
        for name in names:
            yield from config.get(section, name, fallback="").split()


def default_package_index() -> dict[str, str]:
    """The place that pip takes packages from unless told otherwise, which it prints beside the others."""
    with contextlib.suppress(ImportError):
        from pip._internal.models.index import PyPI

        return {PyPI.simple_url: "[package index]", PyPI.netloc: "[package index]"}
    return {}


def _own_addresses() -> Iterator[str]:
    """The addresses that packets to elsewhere would leave from; none is sent (RFC 5737, RFC 3849)."""
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                yield probe.getsockname()[0]
        except OSError:
            continue
