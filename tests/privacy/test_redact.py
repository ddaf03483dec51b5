"""Canaries: whatever a secret is written as and however it arrives, it never comes out."""

from __future__ import annotations

import base64
import json
import string
import sys
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb10docs.privacy.redactor import Redactor
from gb10docs.privacy.secrets import default_package_index, secrets_in, this_machine
from gb10docs.site.evidence_line import _clean

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"
KEY = "nvapi-" + "aB3dE6_h-Q" * 6 + "zzzz"
PASSWORD = 'pä"s\\ness%41 w/ö+rd='
LEGACY = base64.b64encode(b"vc3ses7da2a3q5cvlm744vsnu4:c16f5d39-77b8-4e8f-9c1d-2b8b54a1e0f3").decode()
REDACTOR = Redactor({"HF_TOKEN": TOKEN, "NGC_API_KEY": KEY, "DB_PASSWORD": PASSWORD})

ENCODINGS: dict[str, Callable[[str], str]] = {
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
    """The text broken every so many letters; one with backslashes is left whole, as JSON is."""
    return wrap.join(textwrap.wrap(text, width, drop_whitespace=False)) if "\\" not in text else text


PIECES = [TOKEN, TOKEN[:9], KEY, f" {LEGACY}", "hello", "h", "hf_", "\n", "%68", "\\u0068", " ", "%", "\\"]
LOGS = [b"A line of a log, 12% done\n", b"h", b"hf_", b"%", b"%25", b"\\", b"\\\n", b"\n", b"a", b"sk-"]
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
    parts=st.lists(st.sampled_from(PIECES)),
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


@pytest.mark.parametrize("secret", [TOKEN, KEY, PASSWORD])
@pytest.mark.parametrize("encode", sorted(ENCODINGS))
def test_every_encoding_is_replaced_by_the_name_and_nothing_else_is_lost(secret: str, encode: str) -> None:
    redacted = REDACTOR.text(f"before {ENCODINGS[encode](secret)} after")
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert redacted.count("[") == 1


@pytest.mark.parametrize("wrap", WRAPS)
def test_a_wrapped_secret_keeps_its_surroundings(wrap: str) -> None:
    text = f"Authorization: Bearer {TOKEN[:9]}{wrap}{TOKEN[9:20]}{wrap}{TOKEN[20:]}{wrap}next line"
    assert REDACTOR.text(text) == f"Authorization: Bearer [HF_TOKEN]{wrap}next line"


@pytest.mark.parametrize(
    "token",
    [
        "hf_" + "qRsTuVwXyZ" * 3 + "aBcD",
        "nvapi-" + "qR-tuVwX_Z" * 6 + "aBcD",
        "sk-proj-" + "A1b2C3d4" * 6,
        "ghp_" + "A1b2C3d4e5F6" * 3,
        "github_pat_" + "A1b2C3d4e5F6_" * 3,
        LEGACY,
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_looks_like_a_token_is_masked_unknown_as_it_is(token: str, size: int) -> None:
    data = f"token={token}\nnext\n".encode()
    assert chunked(Redactor({}), data, [size] * (len(data) // size)) == b"token=[secret]\nnext\n"


def test_docker_s_stored_login_is_masked() -> None:
    for key in (b"x9Y8z7", b"abc???"):
        login = base64.b64encode(b"$oauthtoken:" + key * 10).decode()
        assert Redactor({}).text(f'{{"auth": "{login}"}}') == '{"auth": "[secret]"}'


def test_both_alphabets_of_base64_are_known() -> None:
    secret = "~~~???>>>ooo~~~???"
    redactor = Redactor({"A_TOKEN": secret})
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert redactor.text(encode(f"ann:{secret}".encode()).decode()).count("[A_TOKEN]") == 1


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_an_unknown_token_is_masked_when_wrapped(size: int) -> None:
    token = "hf_" + "qRsTuVwXyZ" * 3 + "aBcD"
    data = f"{token[:20]}\n  {token[20:]}\nnext\n".encode()
    assert chunked(Redactor({}), data, [size] * (len(data) // size)) == b"[secret]\nnext\n"


@pytest.mark.parametrize(
    "text",
    [
        "hf_transfer\nhuggingface\nhub\nand\nseveral\notherwordsonebelowtheother\n",
        "from huggingface_hub import hf_hub_download\n",
        "a task-oriented disk-usage-of-the-whole-machine-in-many-words\n",
        "sha256:" + "0123456789abcdef" * 4 + "\n",
        "100%|##########| 12/12 [00:01<00:00]\r\n",
        "C:\\new\\table %s %d \\u00zz \\x\n",
    ],
)
def test_what_only_resembles_a_token_is_left(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert chunked(REDACTOR, text.encode(), [1] * len(text)) == text.encode()


def test_the_beginning_of_a_secret_is_not_settled_until_it_is_none() -> None:
    assert REDACTOR.settled(b"my hf_AbC") == 3
    assert REDACTOR.settled(b"my h\x1b[1mf_AbC") == 3
    assert REDACTOR.settled(b"my hf_AbCat sat") == 15
    assert Redactor({}).settled(b"token: glpat-AbCdEf") == 7


def test_what_a_stream_holds_is_bounded_and_comes_in_the_end() -> None:
    stream, data, out = REDACTOR.stream(), b"A line of a log\n" * 50_000, b""
    for at in range(0, len(data), 1000):
        out += stream.feed(data[at : at + 1000])
        assert at - len(out) <= 2**17
    assert out + stream.finish() == data


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    redactor = Redactor({"A_TOKEN": "abcdefgh", "B_TOKEN": "abcdefghijkl", "C_TOKEN": "ijklmnop"})
    assert redactor.text("x abcdefghijkl y") == "x [B_TOKEN] y"
    assert redactor.text("x abcdefghijklmnop y").count("[") == 1
    assert chunked(redactor, b"abcdefgh abcdefgh!", [8, 1, 8]) == b"[A_TOKEN] [A_TOKEN]!"


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/ann/gb10 and /home/ann.", "~/gb10 and ~."),
        ("HOME=/home/ann -I/home/ann/include file:///home/ann", "HOME=~ -I~/include file://~"),
        ("/home/anna /home/ann-b /home/ann.bak", "/home/anna /home/ann-b /home/ann.bak"),
        ("/mnt/home/ann", "/mnt/home/ann"),
        ("/tmp/gb10docs-x/docs/a.md:3", "docs/a.md:3"),
        ("annabel@dgx-7f3a:~$ ssh dgx-7f3a.local", "user@host:~$ ssh host.local"),
        ("annabella annabel-lee my-annabel dgx-7f3ab", "annabella annabel-lee my-annabel dgx-7f3ab"),
        ("inet 192.168.7.11/24, not 192.168.7.110", "inet address/24, not 192.168.7.110"),
        ("root and bob are ubuntu users", "root and bob are ubuntu users"),
    ],
)
def test_places_are_replaced_as_whole_paths_and_words_only(text: str, expected: str, size: int) -> None:
    places = {"/home/ann": "~", "/tmp/gb10docs-x/": "", "annabel": "user", "dgx-7f3a": "host"}
    places |= {"192.168.7.11": "address", "root": "user", "bob": "user", "ubuntu": "user"}
    redactor = Redactor({}, places)
    data = text.encode()
    assert chunked(redactor, data, [size] * (len(data) // size)) == expected.encode()
    assert redactor.text(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("this will work, and data flows", "this will work, and data flows"),
        ('{"data": [1], "will": true, "object": "list"}', '{"data": [1], "will": true, "object": "list"}'),
        ("data: {}\n\ndata: [DONE]\nPOST /data/models", "data: {}\n\ndata: [DONE]\nPOST /data/models"),
        ("will@data:~$ ls /home/will ~will", "user@host:~$ ls /home/user ~user"),
        ("USER=will HOSTNAME=data user: will", "USER=user HOSTNAME=host user: user"),
        ('{"user": "will", "hostname":"data"}', '{"user": "user", "hostname":"host"}'),
        ("will\ndata\n", "user\nhost\n"),
        ("uid=1000(will) gid=1000(will)", "uid=1000(user) gid=1000(user)"),
        ("-rw-r--r-- 1 will will 12 Nov 27 will.txt", "-rw-r--r-- 1 user user 12 Nov 27 will.txt"),
        ("Linux data 6.8.0 #1 SMP", "Linux host 6.8.0 #1 SMP"),
        ("http://data:8000 data.local", "http://host:8000 host.local"),
        ('{"annabel": 1} annabel wrote "annabel"', '{"annabel": 1} user wrote "user"'),
    ],
)
def test_names_that_are_words_are_masked_where_names_stand(text: str, expected: str) -> None:
    assert Redactor({}, {"will": "user", "annabel": "user", "data": "host"}).text(text) == expected


def test_whatever_is_taken_out_before_it_is_shown_hides_no_secret() -> None:
    """Of all characters there are, those that reports and the site take out, each in the middle of a secret."""
    redactor = Redactor({"HF_TOKEN": TOKEN})
    letters = [chr(code) for code in range(sys.maxunicode + 1)]
    gone = [letter for letter in letters if letter not in "\t\n" and _clean(f"a{letter}b", 9) == "ab"]
    assert len(gone) > 2000
    for begin in range(0, len(gone), 64):
        some = gone[begin : begin + 64]
        text = "\n--\n".join(f"{TOKEN[:9]}{letter}{TOKEN[9:]}" for letter in some)
        assert redactor.text(text).count("[HF_TOKEN]") == len(some)


def test_secrets_are_known_by_the_names_of_variables() -> None:
    env = {
        "NGC_API_KEY": KEY,
        "HF_TOKEN": TOKEN,
        "HUGGING_FACE_HUB_TOKEN": TOKEN,
        "MY_API_KEY": "k" * 9,
        "SOME_SECRET": "s" * 9,
        "DB_PASSWORD": "p" * 9,
        "CI_TOKEN": "short",
        "TOKENIZERS_PARALLELISM": "false or true",
        "PIP_INDEX_URL": "https://someone:indexpassword@host.invalid/simple",
        "HTTPS_PROXY": "http://proxytoken@host.invalid:3128",
        "PATH": "/usr/local/bin:/usr/bin",
    }
    named = secrets_in(env)
    assert sorted(named) == [
        "DB_PASSWORD", "HF_TOKEN", "HTTPS_PROXY", "HUGGING_FACE_HUB_TOKEN", "MY_API_KEY", "NGC_API_KEY",
        "PIP_INDEX_URL", "SOME_SECRET",
    ]  # fmt: skip
    redactor = Redactor(named)
    assert redactor.text(env["PIP_INDEX_URL"]) == "https://someone:[PIP_INDEX_URL]@host.invalid/simple"
    assert redactor.text(TOKEN) == "[HF_TOKEN]"
    assert redactor.text("short") == "short"


def test_this_machine_is_its_home_user_host_and_addresses() -> None:
    places = this_machine({"HOME": "/home/ann/", "USER": "annabel"})
    assert places["/home/ann"] == "~"
    assert places["annabel"] == "user"
    assert "host" in places.values()
    assert "" not in places
    assert this_machine({"HOME": "/"}).get("/") is None


@pytest.mark.parametrize("piece", [*LOGS, TOKEN.encode()])
def test_no_output_is_slow(piece: bytes) -> None:
    data = piece * (2_000_000 // len(piece))
    stream = Redactor({"HF_TOKEN": TOKEN, "NGC_API_KEY": KEY}, {"/home/ann": "~"}).stream()
    start = time.process_time()
    for at in range(0, len(data), 65536):
        stream.feed(data[at : at + 65536])
    stream.finish()
    assert time.process_time() - start < 3


@pytest.mark.parametrize("encode", sorted(ENCODINGS))
@pytest.mark.parametrize("wrap", ["", "\n", "\\\r\n"])
def test_no_place_to_cut_a_secret_in_two_lets_it_through(encode: str, wrap: str) -> None:
    for secret in (TOKEN, PASSWORD):
        form = ENCODINGS[encode](secret)
        data = (wrapped(form, wrap, 7) if wrap else form).encode()
        whole = REDACTOR.text(data.decode()).encode()
        assert whole.count(b"[") == 1
        for size in range(len(data)):
            assert chunked(REDACTOR, data, [size]) in {whole, whole.lstrip(b"\r\n")}


def test_the_index_that_pip_uses_by_default_is_a_place_too() -> None:
    """Named nowhere in our own files, so it is asked of pip here as there."""
    from pip._internal.models.index import PyPI

    masked = Redactor({}, default_package_index()).text(f"Looking in indexes: {PyPI.simple_url}\n")
    assert masked == "Looking in indexes: [package index]\n"
