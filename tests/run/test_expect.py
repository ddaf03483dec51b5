from __future__ import annotations

import signal
import warnings
from typing import Any

import pytest
from driving import header
from hypothesis import given
from hypothesis import strategies as st
from program import Program

from gb10docs.pages.header import Expect, read_block
from gb10docs.run.checks import check

USAGE = "finish_reason: stop\nusage: prompt_tokens=20 completion_tokens=5\n"


def expect(table: dict[str, Any]) -> Expect:
    """What a header with this table expects."""
    return read_block({"tool": {"gb10docs": {"expect": table}}}).tool.expect


def told(table: dict[str, Any], stdout: str, body: str = "", *, real: bool = False) -> str:
    """What is wrong, empty if every check holds."""
    checks = check(expect(table), stdout, body, real=real)
    assert checks
    assert all(bool(one.message) != one.held for one in checks)
    return "; ".join(f"{one.name}: {one.message}" for one in checks if not one.held)


def test_contains() -> None:
    assert told({"contains": ["a", "b"]}, "ab\n") == ""
    assert told({"contains": ["a", "c"]}, "ab\n") == "contains 'c': standard output begins 'ab'"
    assert told({"contains": ["a"]}, " \n") == "contains 'a': standard output is empty"


def test_matches_reads_line_by_line() -> None:
    assert told({"matches": [r"^b\d$"]}, "a\nb1\nc\n") == ""
    assert "matches" in told({"matches": [r"^b\d$"]}, "ab1\n")


def test_json() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert told({"json": schema}, '{"a": 1}\n') == ""
    assert told({"json": schema}, '{"a": "x"}') == "json: $.a: 'x' is not of type 'integer'"
    assert "is no JSON" in told({"json": schema}, "a: 1")
    assert "is no JSON" in told({"json": schema}, "")
    assert "nested too deeply" in told({"json": schema}, "[" * 100_000)


@pytest.mark.parametrize("schema", [{"$ref": "https://example.org/none"}, {"$ref": "#/none"}])
def test_a_schema_that_cannot_be_followed_is_a_broken_check(
    schema: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("it asked the network"))
    with warnings.catch_warnings(action="error"):
        assert "json: the schema cannot be followed" in told({"json": schema}, '"x"')


def test_real_counts_only_without_stand_ins() -> None:
    table = {"contains": ["a"], "real": {"contains": ["204"]}}
    assert told(table, "a") == ""
    assert "204" in told(table, "a", real=True)
    assert told(table, "a 204", real=True) == ""


def test_nothing_expected_is_nothing_checked() -> None:
    assert check(Expect(), "", "", real=True) == []


@pytest.mark.parametrize(
    ("stdout", "says"),
    [
        (f"Text.\n{USAGE}", ""),
        (f"--- temperature=0\nOne.\n{USAGE}--- temperature=1\nTwo.\n{USAGE}\n", ""),
        (f"<think>\n\n</think>\nText.\n{USAGE}", ""),
        (f"Text.\n{USAGE.replace('stop', 'length')}", ""),
        (USAGE, "answer 1: the text is empty"),
        (f" \n{USAGE}", "answer 1: the text is empty"),
        (f"One.\n{USAGE}--- t=1\n{USAGE}", "answer 2: the text is empty"),
        (
            f"Text.\n{USAGE.replace('stop', 'null')}",
            "answer 1: finish_reason is 'null', not one of length, stop",
        ),
        (f"<think>hm\n{USAGE}", "answer 1: a think block is cut off"),
        (f"Text.\n{USAGE.replace('=5', '=0')}", "answer 1: usage counts no tokens"),
        (f"Text.\n{USAGE.replace('=20', '=0')}", "answer 1: usage counts no tokens"),
        (
            f"Text.\n{USAGE.replace('=5', '=101')}",
            "answer 1: 101 completion tokens, more than max_tokens = 100",
        ),
        (f"Text.\n{USAGE}more\n", "after answer 1 comes text without its finish reason and usage: 'more'"),
        ("Text.\n", "no 'finish_reason:' and 'usage:' lines; standard output begins 'Text.'"),
        ("Text.\nfinish_reason: stop\n", "no 'finish_reason:'"),
        ("", "standard output is empty"),
    ],
)
def test_chat(stdout: str, says: str) -> None:
    message = told({"chat": True}, stdout, '{"max_tokens": 100}')
    assert says in message if says else message == ""


@pytest.mark.parametrize(
    "body", ['"max_tokens": 50, "max_tokens": 100', "max_tokens=100", "max_tokens: 100", "'max_tokens' : 100"]
)
def test_the_largest_limit_counts_however_it_is_written(body: str) -> None:
    assert told({"chat": True}, f"Text.\n{USAGE.replace('=5', '=100')}", body) == ""
    assert "more than max_tokens = 100" in told({"chat": True}, f"T.\n{USAGE.replace('=5', '=101')}", body)


@given(st.text(), st.text())
def test_no_output_crashes_a_check(stdout: str, body: str) -> None:
    table = {"contains": ["x"], "matches": ["x"], "json": {"type": "string"}, "chat": True}
    check(expect(table), stdout, body, real=True)


@pytest.mark.parametrize(
    ("table", "stdout"),
    [
        ({"contains": ["3 passed"]}, "\x1b[32m3\x1b[0m passed\n"),
        (
            {"contains": ["3 passed"]},
            "\x1b[1;38;5;2m3\x1b(B\x1b[m \x1b]8;;http://x\x1b\\passed\x1b]8;;\x07\n",
        ),
        ({"contains": ["a\nb"]}, "a\r\nb\r\n"),
        ({"contains": ["a\r\nb"]}, "a\nb\n"),
        ({"matches": ["^done$"]}, "done\r\n"),
        ({"matches": ["^done$"]}, "done\r\r\n"),
        ({"matches": ["^done$"]}, "\r 50%\r100%\rdone\n"),
        ({"matches": [r"^\s*100%$"]}, "\r 50%\x1b[K\r100%\x1b[K\r"),
        ({"json": {"required": ["a"]}}, '\x1b[33m{"a":\x1b[0m\r\n 1}\r\n'),
        ({"chat": True}, f"Text.\n{USAGE}".replace("\n", "\r\n")),
    ],
)
def test_output_is_read_as_a_reader_sees_it(table: dict[str, Any], stdout: str) -> None:
    assert told(table, stdout) == ""


@pytest.mark.parametrize("text", ["NaN", "-Infinity", '{"a": [Infinity]}', "1" * 5000])
def test_what_is_no_json(text: str) -> None:
    assert told({"json": {}}, text).startswith("json: standard output is no JSON: ")


def test_a_message_is_masked_before_it_is_cut() -> None:
    text = "." * 100 + "hf_AbCdEfGhIjKl" + "." * 100
    tables: list[dict[str, Any]] = [
        {"contains": ["x"]},
        {"matches": ["x"]},
        {"json": {"type": "object"}},
        {"chat": True},
    ]
    for table in tables:
        for stdout in (text, f'"{text}"', f"T.\n{USAGE}{text}"):
            checks = check(
                expect(table), stdout, "", real=True, mask=lambda text: text.replace("hf_AbCdEfGhIjKl", "[T]")
            )
            assert "hf_" not in checks[0].message != ""


SLOW = {
    "nested repetition": header('expect.matches = ["(a+)+$"]\ntimeout = "1s"') + f"echo {'a' * 64}b\n",
    "a long line": header('expect.matches = ["x*x*y"]\ntimeout = "1s"') + "printf '%01000000d' 0 | tr 0 x\n",
    "a schema": header('expect.json.pattern = "(a+)+$"\ntimeout = "1s"') + f"""echo '"{"a" * 64}b"'\n""",
}


@pytest.mark.parametrize("case", SLOW)
def test_no_pattern_holds_a_run_up(program: Program, case: str) -> None:
    program.page(SLOW[case], header('expect.contains = ["next"]') + "echo next\n")
    arguments = ("run", "page", "--root", str(program.root), "--keep-going", "--json", str(program.json))
    status, _, err = program.run(*arguments)
    assert (status, err) == (1, "")
    slow, after = program.steps()
    assert slow["outcome"] == "failed"
    assert "not decided within the step's timeout" in slow["reason"]
    assert after["outcome"] == "passed"


def test_an_interrupt_is_heard_while_a_pattern_takes_long(program: Program) -> None:
    said = program.signals_from("SAID")
    program.page(header('expect.matches = ["(a+)+$"]') + f"echo {'a' * 64}b; echo >$SAID\n")
    run = program.start()
    said.wait()
    run.send_signal(signal.SIGINT)
    status, _, err = program.finish(run, patience=30)
    assert (status, err) == (130, "")
    assert program.steps()[0]["reason"] == "interrupted"
