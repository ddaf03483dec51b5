"""What a step declares it needs, and the sizes and durations that headers are written in."""

from __future__ import annotations

import re
from typing import NamedTuple

from gb10docs.errors import GB10DocsError, did_you_mean

PLAIN = frozenset({"docker", "gpu", "privileged", "destructive"})
WITH_VALUE = frozenset(
    {"memory", "disk", "network", "command", "secret", "server", "model", "result", "package"}
)
MADE = frozenset({"model", "command", "result"})
GRANTED = ("privileged", "destructive")

_SIZES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_HOST = r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*"
_VALUES = {
    "network": _HOST,
    "command": r"[\w.+-]+",
    "secret": r"[A-Za-z_][A-Za-z0-9_]*",
    "server": r"[\w-]+",
    "model": r"[\w.-]+(?:/[\w.-]+)?",
    "result": r"[\w./-]+",
    "package": r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?",
}
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


class BadNeed(GB10DocsError, ValueError):
    """A need that no machine can meet because it is not written as one."""


class Need(NamedTuple):
    """One need, such as `docker` or `memory:16GB`: a kind and, for most kinds, a value."""

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}" if self.value else self.kind

    @property
    def size(self) -> int:
        """Bytes, of a `memory` or `disk` need."""
        return parse_size(self.value)


def parse_need(text: str) -> Need:
    """Read one need; raise BadNeed with the nearest valid name."""
    kind, colon, value = text.partition(":")
    if kind not in PLAIN | WITH_VALUE:
        raise BadNeed(f"no such need '{text}': {did_you_mean(kind, PLAIN | WITH_VALUE)}")
    if kind in PLAIN and colon:
        raise BadNeed(f"the need '{kind}' takes no value, got '{text}'")
    if kind in WITH_VALUE and not value:
        raise BadNeed(f"the need '{kind}' wants a value, as in '{_EXAMPLES[kind]}'")
    if kind in {"memory", "disk"}:
        parse_size(value)
    if kind in _VALUES and not re.fullmatch(_VALUES[kind], value, re.ASCII):
        raise BadNeed(f"the need '{text}' is not written as one: write it as in '{_EXAMPLES[kind]}'")
    return Need(kind, value)


def parse_size(text: str) -> int:
    """`16GB` or `512MiB` in bytes."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *([MGT]i?B)", text, re.IGNORECASE)
    size = int(float(match[1]) * _SIZES[match[2].upper()]) if match else 0
    if size == 0:
        raise BadNeed(f"'{text}' is no size: write it as 16GB or 512MiB")
    return size


def parse_duration(text: str) -> float:
    """`90s`, `15m` or `2h` in seconds."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) *([smh])", text)
    if not match or float(match[1]) == 0:
        raise BadNeed(f"'{text}' is no duration: write it as 90s, 15m or 2h")
    return float(match[1]) * _SECONDS[match[2]]


def gigabytes(size: float) -> str:
    """Bytes for a reader: `16.0 GB` (powers of ten, as memory budgets are given)."""
    return f"{size / 10**9:.1f} GB"


_EXAMPLES = {
    "memory": "memory:16GB",
    "disk": "disk:40GB",
    "network": "network:nvcr.io",
    "command": "command:jq",
    "secret": "secret:HF_TOKEN",
    "server": "server:trtllm",
    "model": "model:nvidia/Qwen3-8B-NVFP4",
    "result": "result:bench-vllm",
    "package": "package:nvidia-modelopt",
}
