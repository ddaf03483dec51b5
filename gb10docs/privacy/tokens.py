"""What secrets look like: the names that variables give them, and the shapes that services give their tokens.

No list of these is ever whole. What is not on it is masked where it is declared, see `gb10docs.private`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|SECRET_[A-Z0-9_]+|PASS|PASSWORD|PASSWD|PWD|PASSPHRASE|CREDENTIALS?|PAT|AUTH"
    r"|(?:API|ACCESS|PRIVATE|ENCRYPTION|SIGNING|MASTER|ACCOUNT|LICENSE)_?KEY|ACCESS_KEY_ID|KEY|APIKEY)[0-9]*$"
    r"|PASSWORD$|PASSWD$"
)
_PUBLIC_NAME = re.compile(r"^(?:OLD)?PWD$|^GPG_KEY$|(?:^|_)PUB(?:LIC)?_KEY$|^SSH_KEY$")
"""The working directory, and keys that everybody may know."""
_ONLY_A_KEY = re.compile(r"(?:^|_)(?:(?<!API_)(?<!ACCESS_)(?<!SECRET_)(?<!PRIVATE_)KEY|AUTH|PAT)$")
"""Names that many things have which are no secret."""
_NO_SECRET = re.compile(
    r"(?:[~.]?/|\$|<|\[|\{\{?\w*\}|https?://).*|[0-9.,:]+|true|false|yes|no|on|off|none|null", re.I | re.S
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret(name: str, value: str) -> bool:
    """Whether a variable's value is a secret by its name: not where it is a path, a number or a yes or no."""
    known = _CAMEL.sub("_", name).replace("-", "_").upper()
    if not _SECRET_NAME.search(known) or _PUBLIC_NAME.search(known) or _NO_SECRET.fullmatch(value):
        return False
    return not _ONLY_A_KEY.search(known) or _is_mixed(value) or len(value) >= 20


def _is_mixed(text: str) -> bool:
    """Whether letters of one case are not all it has: a word is no key."""
    return not (text.replace("_", "").replace("-", "").isalpha() and (text.islower() or text.isupper()))


class Span(NamedTuple):
    """Bytes to replace."""

    begin: int
    end: int
    label: bytes
    weight: int
    """Whose label wins where two overlap: a known secret's, then a token's, then a place's."""


_SHAPES = {
    b"hf_": rb"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{34,}(?![\w-])",
    b"nvapi-": rb"(?<![A-Za-z0-9])nvapi-[\w-]{40,}",
    b"sk-": rb"(?<![\w-])sk-[\w-]{32,}",
    b"k_live_": rb"(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{16,}",
    b"ghp_": rb"(?<![A-Za-z0-9])ghp_[A-Za-z0-9]{36,}",
    b"gho_": rb"(?<![A-Za-z0-9])gho_[A-Za-z0-9]{36,}",
    b"ghs_": rb"(?<![A-Za-z0-9])ghs_[A-Za-z0-9]{36,}",
    b"ghu_": rb"(?<![A-Za-z0-9])ghu_[A-Za-z0-9]{36,}",
    b"ghr_": rb"(?<![A-Za-z0-9])ghr_[A-Za-z0-9]{36,}",
    b"github_pat_": rb"(?<![A-Za-z0-9])github_pat_\w{22,}",
    b"glpat-": rb"(?<![A-Za-z0-9])glpat-[\w.-]{20,}",
    b"xox": rb"(?<![A-Za-z0-9])xox[abeoprs]-[\w-]{10,}",
    b"AKIA": rb"(?<![\w+/=-])AKIA[A-Z0-9]{16}(?![\w+/-])",
    b"ASIA": rb"(?<![\w+/=-])ASIA[A-Z0-9]{16}(?![\w+/-])",
    b"AIza": rb"(?<![\w+/-])AIza[\w-]{35}(?![\w-])",
    b"npm_": rb"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36,}(?![\w-])",
    b"pypi-": rb"(?<![\w-])pypi-[\w-]{40,}",
    b"dckr_": rb"(?<![A-Za-z0-9])dckr_[a-z]{3}_[\w-]{20,}",
    b"eyJ": rb"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",
    b"PRIVATE KEY": rb"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?s:.{0,7000}?)"
    rb"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    b"JG9hdXRodG9rZW46": rb"JG9hdXRodG9rZW46[A-Za-z0-9+/=]{20,}",  # `$oauthtoken:`, as docker login nvcr.io stores it
}
"""What tokens of known services are written like, by what is in each of them."""
_VALUE = rb"[\w.~+/=:-]"
_PLACES = {
    b"authorization": rb"(?i)\bauthorization\\?[\"']?\s*[:=]\s*\\?[\"']?(?:(?:bearer|basic|token|digest)\s+)?(%b{8,})"
    % _VALUE,
    b"bearer": rb"(?i)\bbearer\s+(?=\S*\d)(%b{16,})" % _VALUE,
    b"api": rb"(?i)\bx-api-key\\?[\"']?\s*[:=]\s*\\?[\"']?(%b{8,})" % _VALUE,
    b"auth": rb"\"(?:auth|identitytoken|registrytoken)\"\s*:\s*\"([^\"\s]{8,})\"",
    b"password": rb"\b(?:login|machine)\s+\S+\s+password\s+(\S{4,})",
    b"://": rb"://[^/\s:@\"'<>]*:([^/\s@\"'<>$\[{][^/\s@\"'<>]{3,})@",
}
"""Where a secret stands, whatever it is written like, by a word in lower case that is there: its first group."""
_ASSIGNED = rb"(?<![\w$.-])([A-Za-z_][A-Za-z0-9_]{2,60})=([\"']?)([^\s\"'`;&|)]{8,})\2"
_NGC_LEGACY = (
    rb"(?<![A-Za-z0-9])[A-Za-z0-9]{35}6[A-Za-z0-9]{11}t[A-Za-z0-9]{12}L[A-Za-z0-9]{6}t[A-Za-z0-9]{16}"
)
"""Base64 of 26 letters and digits, a colon and a UUID: where the colon and the dashes fall is fixed."""
_BREAK = rb"(?:[ \t]*\\?\r?\n[ \t]*)?"
_WRAPPED = {
    b"hf_": rb"(?<![A-Za-z0-9])hf_(?:%b[A-Za-z0-9]){34}" % _BREAK,
    b"nvapi-": rb"(?<![A-Za-z0-9])nvapi-(?:%b[\w-]){64}" % _BREAK,
}
_TOKEN_BYTES = (string.ascii_letters + string.digits + "_-").encode()
_IS_TOKEN_BYTE = bytes(int(byte in _TOKEN_BYTES) for byte in range(256))
_RUN, _LEGACY_RUN = b"\1" * 15, b"\1" * 84
"""The run that every token has, and the one that a legacy key has: most output has neither."""
_UNDER_WAY = (
    rb"(?:hf_|nvapi-|sk-|[sr]k_live_|gh[oprsu]_|github_pat_|glpat-|xox[a-z]-|AKIA|AIza|npm_|pypi-|dckr_|eyJ)"
    rb"[\w.-]*\Z"
)
_compiled = cache(re.compile)
"""Most output holds nothing like a token, and compiling these takes longer than reading it."""


def token_spans(data: bytes) -> Iterator[Span]:
    """Secrets by their shape, or by where they stand."""
    runs = data.translate(_IS_TOKEN_BYTE)
    shapes = [pattern for head, pattern in _SHAPES.items() if head in data] if _RUN in runs else []
    if _LEGACY_RUN in runs:
        shapes.append(_NGC_LEGACY)
    for pattern in shapes:
        yield from (_span(match) for match in _compiled(pattern).finditer(data))
    for head in (head for head in _WRAPPED if head in data):
        yield from (
            _span(match) for match in _compiled(_WRAPPED[head]).finditer(data) if _is_random(match[0])
        )
    lower = data.lower()
    for pattern in (pattern for word, pattern in _PLACES.items() if word in lower):
        yield from (_span(match, 1) for match in _compiled(pattern).finditer(data))
    yield from _assigned(data)


def _assigned(data: bytes) -> Iterator[Span]:
    """Values that stand after the name of a variable that holds a secret, as in a file `.env`."""
    if b"=" in data:
        for match in _compiled(_ASSIGNED).finditer(data):
            name, value = match[1].decode(), match[3].decode(errors="replace")
            if is_secret(name, value) and (name.isupper() or any(letter.isdigit() for letter in value)):
                yield _span(match, 3)


def token_under_way(data: bytes) -> int:
    """Return where a token begins that goes on to the end of the data; its length where none does."""
    match = _compiled(_UNDER_WAY).search(data, max(0, len(data) - 200))
    return match.start() if match else len(data)


def _span(match: re.Match[bytes], group: int = 0) -> Span:
    return Span(match.start(group), match.end(group), b"[secret]", 1)


def _is_random(text: bytes) -> bool:
    """Whether upper and lower case are mixed as in a token, not as in words one below the other."""
    upper = sum(65 <= byte <= 90 for byte in text)
    lower = sum(97 <= byte <= 122 for byte in text)
    return min(upper, lower) >= 6
