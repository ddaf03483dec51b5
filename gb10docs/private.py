"""What is private about this machine: the secrets in an environment, and the places that name machine and user."""

from __future__ import annotations

import contextlib
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from gb10docs.engines import environments

SHORTEST_SECRET = 8
"""Bytes; a shorter value could be any word."""

_KNOWN_NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "NGC_API_KEY", "NGC_CLI_API_KEY")
_SECRET_NAME = re.compile(r"(?:_TOKEN|_API_KEY|_ACCESS_KEY|_SECRET|PASSWORD|PASSWD)$")
_CREDENTIALS = re.compile(r"://(?:[^/\s:@]*:)?([^/\s:@]{8,})@")


def secrets_in(env: Mapping[str, str]) -> dict[str, str]:
    """The values of an environment that must not be shown, by the names of their variables."""
    names = dict.fromkeys([*_KNOWN_NAMES, *(name for name in env if _SECRET_NAME.search(name))])
    secrets = {name: env[name] for name in names if len(env.get(name, "")) >= SHORTEST_SECRET}
    for name, value in env.items():
        credentials = _CREDENTIALS.search(value)
        if credentials:
            secrets.setdefault(name, credentials[1])
    return secrets


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
