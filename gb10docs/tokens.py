"""Values that look like access tokens, whatever they are called: their shapes, whole, wrapped, or under way."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

_DOCKER_AUTH = b"JG9hdXRodG9rZW46"
"""Base64 of `$oauthtoken:`, as `docker login nvcr.io` stores it."""
_SHAPES = {
    b"hf_": (rb"[A-Za-z0-9]", 34, 64),
    b"nvapi-": (rb"[\w-]", 40, 128),
    b"sk-": (rb"[\w-]", 32, 200),
    b"ghp_": (rb"[A-Za-z0-9]", 36, 255),
    b"gho_": (rb"[A-Za-z0-9]", 36, 255),
    b"ghs_": (rb"[A-Za-z0-9]", 36, 255),
    b"github_pat_": (rb"\w", 22, 255),
    _DOCKER_AUTH: (rb"[A-Za-z0-9+/=]", 20, 400),
}
"""How tokens begin, with what they go on, and the fewest and most of that."""
_ALONE = rb"(?<![A-Za-z0-9])"
_TOKENS = {
    head: rb"%b(?<![A-Za-z0-9]%b)%b{%d,%d}" % (head, head, letter, least, most)
    for head, (letter, least, most) in _SHAPES.items()
}
_NGC_LEGACY = (
    rb"(?<![A-Za-z0-9])[A-Za-z0-9]{35}6[A-Za-z0-9]{11}t[A-Za-z0-9]{12}L[A-Za-z0-9]{6}t[A-Za-z0-9]{16}"
)
"""Base64 of 26 letters and digits, a colon and a UUID: where the colon and the dashes fall is fixed."""
_BREAK = rb"(?:[ \t]*\\?\r?\n[ \t]*)?"
_WRAPPED_HEADS = (b"hf_", b"nvapi-")
_WRAPPED_TOKEN = _ALONE + rb"(?:hf_(?:" + _BREAK + rb"[A-Za-z0-9]){34}|nvapi-(?:" + _BREAK + rb"[\w-]){64})"
_WRAPPED_OPEN = rb"(?:hf_(?:%b[A-Za-z0-9]){0,33}|nvapi-(?:%b[\w-]){0,63})[ \t]*\\?\r?(?:\n[ \t]*)?\Z" % (
    _BREAK,
    _BREAK,
)
_TOKEN_BYTES = (string.ascii_letters + string.digits + "_-").encode()
_IS_TOKEN_BYTE = bytes(int(byte in _TOKEN_BYTES) for byte in range(256))
_RUN, _LONG_RUN, _LEGACY_RUN = b"\1" * 18, b"\1" * 33, b"\1" * 84
"""The runs that half a token, every other token in one piece, and a legacy key have."""


class Span(NamedTuple):
    """Bytes to replace."""

    begin: int
    end: int
    label: bytes
    weight: int
    """Whose label wins where two overlap: a known secret's, then a token's, then a place's."""


def token_spans(data: bytes) -> Iterator[Span]:
    """Tokens by their shape. Runs of token characters are looked for first: most output has none."""
    runs = data.translate(_IS_TOKEN_BYTE)
    if _RUN not in runs:
        return
    patterns = [_TOKENS[_DOCKER_AUTH]]
    if _LONG_RUN in runs:
        patterns = [pattern for head, pattern in _TOKENS.items() if head in data]
        patterns += [_NGC_LEGACY] * (_LEGACY_RUN in runs)
    for pattern in patterns:
        for match in _compiled(pattern).finditer(data):
            yield Span(match.start(), match.end(), b"[secret]", 1)
    if any_in(_WRAPPED_HEADS, data):
        for match in _compiled(_WRAPPED_TOKEN).finditer(data):
            if _is_random(match[0]):
                yield Span(match.start(), match.end(), b"[secret]", 1)


def _is_random(text: bytes) -> bool:
    """Whether upper and lower case are mixed as in a token, not as in words one below the other."""
    upper = sum(65 <= byte <= 90 for byte in text)
    lower = sum(97 <= byte <= 122 for byte in text)
    return min(upper, lower) >= 6


def token_under_way(data: bytes) -> int:
    """Where a token that may go on begins; the length of `data` where none does."""
    run = len(data.rstrip(_TOKEN_BYTES + b"+/="))
    if run < len(data):
        match = _compiled(_TOKEN_OPEN).search(data, run)
        if match:
            return match.start()
    for head in _WRAPPED_HEADS:
        at = data.rfind(head)
        if at >= 0 and _compiled(_WRAPPED_OPEN).match(data, at):
            return at
    return len(data)


def any_in(words: Iterable[bytes], text: bytes) -> bool:
    """Whether one of the words occurs."""
    return any(word in text for word in words)


def beginnings(head: bytes, rest: bytes) -> bytes:
    """A pattern for a literal, or for as much of its beginning as there is before the end of the text."""
    pattern = rest
    for position in range(len(head) - 1, 0, -1):
        pattern = rb"(?:\Z|" + re.escape(head[position : position + 1]) + pattern + b")"
    return re.escape(head[:1]) + pattern


_TOKENS_SO_FAR = [
    beginnings(head, rb"%b{0,%d}\Z" % (letter, most - 1)) for head, (letter, _, most) in _SHAPES.items()
]
_NGC_LEGACY_SO_FAR = rb"(?:[LMNOYZa-e][A-Za-z0-9]{3}){0,20}(?:[LMNOYZa-e][A-Za-z0-9]{0,2})?\Z"
_TOKEN_OPEN = _ALONE + rb"(?:" + b"|".join([*_TOKENS_SO_FAR, _NGC_LEGACY_SO_FAR]) + rb")"
_compiled = cache(re.compile)
"""Most output holds nothing like a token, and compiling these takes longer than reading it."""
