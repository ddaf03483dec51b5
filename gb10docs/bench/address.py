"""Where a server is, and as whom to ask it: what a user gives, and a variable of the environment."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from gb10docs.bench import CannotMeasure
from gb10docs.errors import GB10DocsError

KEY = "OPENAI_API_KEY"
"""Variable with the key that is sent, if it is set: the one that OpenAI's own client reads."""

_ROUTE = re.compile(r"/*(?:/v1(?:/(?:chat/completions|completions|models)?)?)?/*$")
"""What people copy with an address."""


class NoServer(GB10DocsError):
    """Nothing answers at the address, or it is none."""


@dataclass(frozen=True)
class Address:
    """An address without route, user and password, so that it can be shown and kept."""

    url: str
    host: str
    port: int
    basic: str = ""
    """User and password as a header has them; empty where the address holds none."""

    @property
    def local(self) -> bool:
        """Whether it is on this machine, as far as it says."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def authorization(self) -> dict[str, str]:
        """The header that says who asks: its user and password, else the key of the environment.

        Raises:
            CannotMeasure: No header can hold the key.
        """
        key = os.environ.get(KEY, "").strip()
        if not self.basic and not (key.isascii() and key.isprintable()):
            raise CannotMeasure(
                f"{KEY} holds a character that no header can: set it to the key alone, or unset it."
            )
        said = f"Basic {self.basic}" if self.basic else f"Bearer {key}" if key else ""
        return {"authorization": said} if said else {}


def parse(given: str) -> Address:
    """Read an address, with or without `/v1` or a route below.

    Raises:
        NoServer: It is none.
    """
    try:
        parts = urlsplit(given.strip())
        bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme in {"http", "https"} and parts.hostname and not parts.query:
            pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
            basic = "" if pair == ":" else b64encode(pair.encode()).decode()
            return Address(_ROUTE.sub("", bare.geturl()), parts.hostname, port, basic)
    except ValueError:
        pass
    shown = given.rpartition("@")[2]
    raise NoServer(f"{shown!r} is no address; one looks like http://127.0.0.1:8001.")
