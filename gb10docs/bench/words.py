"""What a server says, made fit for a line of ours: short, and without anything that a terminal would obey."""

from __future__ import annotations

import json

MOST = 300
"""Characters of a server's words that are shown."""

_KEYS = ("error", "message", "detail")
"""Where engines and proxies put the sentence in an error's body, from the outside in."""


def shown(text: str, most: int = MOST) -> str:
    """One line of printable characters, cut where it is long."""
    # Twice as many are looked at, so that a megabyte costs nothing; what is cut was too long anyway.
    line = "".join(filter(str.isprintable, " ".join(text[: 2 * most].split())))
    return f"{line[: most - 1]}…" if len(line) > most or len(text) > 2 * most else line


def complaint(text: str) -> str:
    """The sentence in an error's body, whichever of the usual shapes it has."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = text
    return sentence(body)


def sentence(body: object) -> str:
    """The same of a body that has been read."""
    for key in _KEYS:
        if isinstance(body, dict) and body.get(key):
            body = body[key]
    try:
        text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    except RecursionError:
        text = "what is nested too deeply to be shown"
    return shown(text) or "no message"
