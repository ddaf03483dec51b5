"""Canaries: whatever a secret is written as and however it arrives, it never comes out."""

from __future__ import annotations

import base64
import json
import string
import textwrap
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb10docs.redact import Redactor, secrets_in, this_machine

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"
KEY = "nvapi-" + "aB3dE6_h-Q" * 6 + "zzzz"
PASSWORD = 'pä"s\\ness%41 w/ö+rd='
LEGACY = base64.b64encode(b"vc3ses7da2a3q5cvlm744vsnu4:c16f5d39-77b8-4e8f-9c1d-2b8b54a1e0f3").decode()
REDACTOR = Redactor({"HF_TOKEN": TOKEN, "NGC_API_KEY": KEY, "DB_PASSWORD": PASSWORD})

ENCODINGS = {
    "as it is": lambda value: value,
    "percent": lambda value: quote(value, safe=""),
    "percent, a form": lambda value: quote_plus(value),
    "percent, every byte": lambda value: "".join(f"%{byte:02x}" for byte in value.encode()),
    "percent twice": lambda value: quote(quote(value, safe=""), safe=""),
    "JSON": lambda value: json.dumps(value),
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)),
    "JSON, every letter": lambda value: "".join(f"\\u{ord(letter):04x}" for letter in value),
    "docker auth": lambda value: base64.b64encode(f"$oauthtoken:{value}".encode()).decode(),
    "base64 at 1": lambda value: base64.b64encode(f"u{value}x".encode()).decode(),
    "base64 at 2": lambda value: base64.urlsafe_b64encode(f"u:{value}".encode()).decode(),
}
WRAPS = ["\n", "\r\n", "\\\n", "\\\r\n", "\n    ", " \n", '"\n  "']


def chunked(redactor: Redactor, data: bytes, sizes: list[int]) -> bytes:
    """What a stream gives for the data in chunks of these sizes, the rest in one."""
    stream, parts = redactor.stream(), []
    for size in sizes:
        parts.append(stream.feed(data[:size]))
        data = data[size:]
    return b"".join([*parts, stream.feed(data), stream.finish()])


def wrapped(text: str, wrap: str, width: int) -> str:
    """The text broken every so many letters, an escape never within a backslash pair."""
    return wrap.join(textwrap.wrap(text, width, drop_whitespace=False)) if "\\" not in text else text


around = st.text(alphabet=string.printable + "é%\\", max_size=40)


@settings(max_examples=600, deadline=None)
@given(
    value=st.sampled_from([TOKEN, KEY, PASSWORD]),
    encode=st.sampled_from(sorted(ENCODINGS)),
    wrap=st.sampled_from(WRAPS),
    width=st.integers(1, 80),
    before=around,
    after=around,
    sizes=st.lists(st.integers(0, 30), max_size=60),
)
def test_a_secret_never_comes_out(
    value: str, encode: str, wrap: str, width: int, before: str, after: str, sizes: list[int]
) -> None:
    form = wrapped(ENCODINGS[encode](value), wrap, width)
    data = f"{before}{form}{after}".encode()
    out = chunked(REDACTOR, data, sizes)
    core = ENCODINGS[encode](value).strip('"').rstrip("=")[-12:-4].encode()
    assert core not in out.translate(None, b"\n\r\\ \"'")
    assert value.encode() not in out
    assert b"[HF_TOKEN]" in out or b"[NGC_API_KEY]" in out or b"[DB_PASSWORD]" in out


@settings(max_examples=400, deadline=None)
@given(
    parts=st.lists(st.sampled_from([TOKEN, TOKEN[:9], KEY, "hello", "h", "\n", "%68", "\\u0068", " ", f" {LEGACY}", "%", "\\", "hf_"])),
    sizes=st.lists(st.integers(0, 30), max_size=60),
)
def test_chunks_make_no_difference_but_at_a_line_end(parts: list[str], sizes: list[int]) -> None:
    data = "".join(parts).encode()
    whole, piecewise = chunked(REDACTOR, data, []), chunked(REDACTOR, data, sizes)
    assert whole.count(b"[") == piecewise.count(b"[") or b"\n" in data
    assert (whole == piecewise) or b"\n" in data


@settings(max_examples=400, deadline=None)
@given(text=st.text(), sizes=st.lists(st.integers(0, 30), max_size=60))
def test_other_text_is_unchanged(text: str, sizes: list[int]) -> None:
    data = text.encode("utf-8", "surrogatepass")
    assert chunked(REDACTOR, data, sizes) == data
    assert REDACTOR.text(text) == text
