from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gb10docs.pages.header import Header
from gb10docs.pages.need import Need
from gb10docs.pages.snippet import BadSnippet, Snippet, read_snippet, read_text


def read(text: str | bytes, name: str = "page/step.sh") -> Snippet:
    """Read a snippet that is written for this call only."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, Path(name).name)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_snippet(path, name)


def with_header(*lines: str, body: str = "true\n", table: str = "[tool.gb10docs]") -> str:
    """A snippet whose table holds these lines; the first is line 3."""
    block = "".join(f"# {line}\n" for line in (table, *lines))
    return f"# /// script\n{block}# ///\n{body}"


def complaint(text: str | bytes, name: str = "page/step.sh") -> str:
    """What is said about a wrong snippet, less its folder: `step.sh:3: …`."""
    with pytest.raises(BadSnippet) as error:
        read(text, name)
    said = str(error.value)
    assert "\n" not in said
    return said[said.index("step.") :]


def test_a_snippet_without_a_header_is_all_body() -> None:
    snippet = read("echo one\n\necho two\n")
    assert snippet.body == snippet.text
    assert snippet.body_line == 1
    assert snippet.header == Header()
    assert snippet.header.timeout == 120.0
    assert snippet.header.session == "main"


def test_what_is_shown_begins_below_the_header_and_its_blank_lines() -> None:
    snippet = read(with_header('needs = ["docker"]', body="\n\n# shown\necho a\x0cb \u2028 c\n"))
    assert snippet.body == "# shown\necho a\x0cb \u2028 c\n"
    assert snippet.text.split("\n")[snippet.body_line - 1] == "# shown"
    assert snippet.header.needs == (Need("docker"),)


def test_a_changed_header_is_the_same_command() -> None:
    assert read(with_header()).sha256 == read("true\n").sha256 != read("false\n").sha256


def test_a_python_snippet_names_its_packages() -> None:
    block = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["openai"]\n#\n'
    text = f'{block}# [tool.gb10docs]\n# needs = ["server:vllm"]\n# ///\nprint()\n'
    snippet = read(text, "page/step.py")
    assert snippet.language == "python"
    assert snippet.dependencies == ("openai",)
    assert snippet.header.needs == (Need("server", "vllm"),)


def test_the_server_of_a_step() -> None:
    assert read(with_header('serves = "compose/trtllm:trtllm"')).header.server == "trtllm"
    foreground = with_header('ready = "http://127.0.0.1:8080/health"', 'session = "web"')
    assert read(foreground).header.server == "web"
    assert read("true\n").header.server == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("neds = ['docker']", "step.sh:3: no such header key 'neds': did you mean 'needs'?"),
        ("expect.contain = ['x']", "step.sh:3: no such header key 'contain': did you mean 'contains'?"),
        ("expect.real.chatt = true", "step.sh:3: no such header key 'chatt': did you mean 'chat'?"),
        (
            "expect.real.real = {}",
            "step.sh:3: no such header key 'real': known: chat, contains, json, matches",
        ),
        ("'a(b' = 1", "step.sh:3: no such header key 'a(b'"),
        ("needs = ['dokcer']", "step.sh:3: no such need 'dokcer': did you mean 'docker'?"),
        (r'needs = ["a\nb"]', "no such need 'a b'"),
        ("needs = 'docker'", "step.sh:3: 'needs' wants a list"),
        ("needs = [5]", "step.sh:3: 5 is no text: write it in quotes"),
        ("makes = ['docker']", "step.sh:3: a step cannot make 'docker'"),
        ("timeout = 90", 'step.sh:3: 90 is no text: write it in quotes, as in "90s"'),
        ("timeout = inf", "step.sh:3: inf is no text"),
        ("timeout = '90'", "step.sh:3: '90' is no duration"),
        ("optional = 'yes'", "step.sh:3: 'optional' wants true or false"),
        ("session = ''", "step.sh:3: 'session' is not written as one"),
        ("serves = 'trtllm'", "step.sh:3: 'serves' is not written as one: Compose folder and service"),
        ("serves = '../up:x'", "step.sh:3: 'serves' is not written as one"),
        ("serves = '/etc:x'", "step.sh:3: 'serves' is not written as one"),
        (
            "ready = 'http://127.0.0.1:80/'",
            "step.sh:2: 'ready' marks a foreground server, which needs a 'session'",
        ),
        ("ready = 'http://example.org/'", "step.sh:3: 'ready' is not written as one"),
        ("stops = [1]", "step.sh:3: 'stops' wants a text in quotes"),
        ("expect = 1", "step.sh:3: 'expect' wants a table"),
        ("expect.matches = ['(']", "step.sh:3: '(' is no regular expression"),
        ("expect.matches = ['a{99999999999}']", "is no regular expression"),
        ("expect.json = {type = 'objekt'}", "step.sh:3: 'json' is no JSON Schema: 'objekt'"),
        ("needs = [", "the header is no valid TOML"),
        ("needs = []\n# needs = []", "step.sh:4: the header is no valid TOML"),
    ],
)
def test_a_wrong_header_is_told_with_file_and_line(line: str, says: str) -> None:
    assert says in complaint(with_header(line))


def test_ready_and_serves_exclude_each_other() -> None:
    lines = ('ready = "http://localhost:1234"', 'session = "web"', 'serves = "compose/a:b"')
    assert "a step starts one of them" in complaint(with_header(*lines))


def test_the_line_is_that_of_the_wrong_item() -> None:
    assert complaint(with_header("needs = [", "  'docker',", "  'gpuu',", "]")).startswith("step.sh:5: ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (with_header("needs = []", table="[tool.gb10doc]"), "did you mean [tool.gb10docs]?"),
        (with_header("needs = ['docker']", table=""), "'needs' is a key of ours: move it below"),
        (with_header("dependency = ['x']", table=""), "did you mean 'dependencies'?"),
        (with_header("tool = 5", table=""), "'tool' wants a table"),
        (with_header("dependencies = 5", table=""), "'dependencies' wants a list"),
        (with_header("dependencies = [5]", table=""), "'dependencies' wants a text in quotes"),
        (
            with_header("dependencies = ['a b']", table=""),
            "step.sh:3: 'a b' names no package: write it as in",
        ),
        (with_header("requires-python = '3'", table=""), "step.sh:3: '3' names no versions: write it as in"),
        ("# /// script\n# [tool.gb10docs]\necho\n", "step.sh:1: the '# /// script' block is never closed"),
        ("# /// script\n", "never closed"),
        (
            "# About this.\n# /// script\n# ///\necho\n",
            "step.sh:2: '# /// script' opens the header, which stands once, on the first line or below a shebang",
        ),
        ("#!/bin/bash\n\n# /// script\n# tool = 5\n# ///\necho\n", "step.sh:4: 'tool' wants a table"),
        ("#!/bin/bash\n# /// script\n# a b\n# ///\necho\n", "step.sh:3: the header is no valid TOML"),
        ("#!/bin/bash\n# /// script\necho\n", "step.sh:2: the '# /// script' block is never closed"),
        ("#!/bin/bash\necho\n# /// script\n# ///\n", "step.sh:3: "),
        ("cat <<'E'\n# /// script\nE\n# /// script\n# ///\n", "step.sh:4: "),
        ("\n# /// script\n# ///\necho\n", "step.sh:2: "),
        (with_header(body="# /// script\n# ///\n"), "step.sh:4: "),
        (with_header(body="\n"), "the snippet is empty"),
        ("", "step.sh:1: the snippet is empty"),
        (b"echo \xff\n", "step.sh:1: not UTF-8 (byte 0xff)"),
        (b"a\nb\n\xe9", "step.sh:3: not UTF-8 (byte 0xe9)"),
        (b"\xef\xbb\xbfecho\n", "step.sh:1: begins with a byte order mark"),
        ("true\nfalse\r\n", "step.sh:2: holds a carriage return"),
        ("true\n\0", "step.sh:2: holds a NUL byte"),
        (f"# /// script\n# a = {'[' * 5000}\n# ///\ntrue\n", "step.sh:"),
    ],
)
def test_a_wrong_file_is_told_with_file_and_line(text: str | bytes, says: str) -> None:
    assert says in complaint(text)


def test_tables_of_other_tools_are_none_of_ours() -> None:
    assert read(with_header("x = 1", table="[tool.uv]")).header == Header()


def test_another_suffix_is_no_snippet() -> None:
    with pytest.raises(BadSnippet, match=r"a \.sh or a \.py file"):
        read_snippet(Path("x.rb"), "x.rb")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadSnippet, match="cannot be read: Is a directory"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    "line",
    [
        "trap - ERR",
        "trap 'x' EXIT ERR",
        "set +E",
        "set -e +E",
        "set +o pipefail",
        "set +o errtrace",
        "set -n",
    ],
)
def test_what_would_hide_a_failing_command_is_refused(line: str) -> None:
    assert complaint(f"true\n{line}\n").startswith("step.sh:2: ")


@pytest.mark.parametrize(
    "line", ["trap 'x' EXIT", "set -e", "set +e", "# trap - ERR", "set -o pipefail", "set -x"]
)
def test_what_hides_nothing_is_not(line: str) -> None:
    assert read(f"{line}\n")


WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), min_size=1, max_size=20)
NEEDS = st.one_of(
    st.sampled_from(["docker", "gpu", "privileged", "destructive", "memory:16GB", "disk:512MiB"]),
    st.builds(
        "{}:{}".format,
        st.sampled_from(["command", "secret", "server", "result"]),
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    ),
    st.builds("model:{}/{}".format, WORDS, WORDS),
)
CHECKS = {
    "contains": st.lists(TEXTS, max_size=3),
    "matches": st.lists(WORDS, max_size=3),
    "chat": st.booleans(),
}
VALID: dict[str, st.SearchStrategy[Any]] = {
    "needs": st.lists(NEEDS, max_size=4),
    "makes": st.lists(st.builds("model:{}".format, WORDS), max_size=2),
    "stops": st.lists(WORDS, max_size=2),
    "session": WORDS,
    "timeout": st.builds("{}{}".format, st.integers(1, 999), st.sampled_from("smh")),
    "optional": st.booleans(),
    **{f"expect.{key}": value for key, value in CHECKS.items()},
    **{f"expect.real.{key}": value for key, value in CHECKS.items()},
}


def toml(value: object) -> str:
    """A TOML value; JSON is one for what headers hold."""
    return json.dumps(value, ensure_ascii=False)


@given(st.fixed_dictionaries({}, optional=VALID))
def test_a_valid_header_round_trips(table: dict[str, Any]) -> None:
    header = read(with_header(*(f"{key} = {toml(value)}" for key, value in table.items()))).header
    seconds = {"s": 1, "m": 60, "h": 3600}
    for key, value in table.items():
        *path, last = key.split(".")
        found: Any = header
        for name in path:
            found = getattr(found, name)
        found = getattr(found, last)
        if key == "timeout":
            assert found == int(value[:-1]) * seconds[value[-1]]
        elif isinstance(value, list):
            assert [str(one) for one in found] == value
        else:
            assert found == value


JSONS = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = st.one_of(
    st.sampled_from([*VALID, "serves", "ready", "expect", "expect.json", "tool"]), TEXTS.map(toml)
)
LINES = st.one_of(st.builds("{} = {}".format, KEYS, JSONS.map(toml)), TEXTS, st.just("///"))


@settings(max_examples=300)
@given(
    st.lists(LINES, max_size=4),
    st.sampled_from(["[tool.gb10docs]", "[tool]", "", "[tool.gb10docs.expect]", "[[tool.gb10docs]]"]),
    st.sampled_from(["step.sh", "step.py"]),
)
def test_no_header_crashes(lines: list[str], table: str, name: str) -> None:
    try:
        read(with_header(*lines, table=table), name)
    except BadSnippet as error:
        said = str(error)
    else:
        return
    assert "\n" not in said
    assert f"{name}:" in said


@settings(max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=80), st.text(max_size=80), st.text().map(lambda text: f"# /// script\n{text}")
    )
)
def test_no_file_crashes(content: str | bytes) -> None:
    try:
        data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
        snippet = read(data)
    except BadSnippet:
        return
    assert snippet.body.strip()
    assert snippet.text.endswith(snippet.body)
