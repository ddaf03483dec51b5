from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample import report, step

from gb10docs.atomic import write_text
from gb10docs.results import junit
from gb10docs.results.result import Outcome


@pytest.fixture
def suite(tmp_path: Path) -> ElementTree.Element:
    """The suite of the sample report, read back by a strict parser."""
    (tmp_path / "junit.xml").write_text(junit.text([report()]))
    found = ElementTree.parse(tmp_path / "junit.xml").getroot().find("testsuite")
    assert found is not None
    return found


def case(suite: ElementTree.Element, name: str) -> ElementTree.Element:
    """The case of a step."""
    found = suite.find(f"testcase[@name='{name}']")
    assert found is not None
    return found


def test_counts_are_those_of_the_report(suite: ElementTree.Element) -> None:
    counts = {name: suite.get(name) for name in ("name", "tests", "failures", "errors", "skipped", "time")}
    assert counts == {
        "name": "lesson-03", "tests": "7", "failures": "2", "errors": "0", "skipped": "3", "time": "72.400"
    }  # fmt: skip


def test_a_failure_carries_place_and_reason(suite: ElementTree.Element) -> None:
    failure = case(suite, "bad").find("failure")
    assert failure is not None
    assert failure.get("message") == "snippets/lesson-03/bad.sh:4: `curl | jq` failed with exit code 7"
    assert "docs/lessons/lesson-03.md:12" in (failure.text or "")
    assert case(suite, "bad").get("line") == "12"


def test_skipped_and_replaced_are_no_passes(suite: ElementTree.Element) -> None:
    skipped, replaced = case(suite, "quantize").find("skipped"), case(suite, "serve").find("skipped")
    assert skipped is not None
    assert replaced is not None
    assert skipped.get("message") == "skipped: gpu: none; run it on a GB10 | or <elsewhere>"
    assert replaced.get("message") == "replaced: llama.cpp answers on port 8001"


def test_stand_ins_are_properties_and_a_real_pass_has_none(suite: ElementTree.Element) -> None:
    values = [
        one.get("value") for one in case(suite, "ask").iterfind("properties/property[@name='stand-in']")
    ]
    assert values == ["llama.cpp for trtllm", "SmolLM2-135M-Instruct for nvidia/Qwen3-8B-NVFP4"]
    assert case(suite, "activate").find("properties") is None


def test_output_is_kept_less_what_xml_forbids(suite: ElementTree.Element) -> None:
    output = case(suite, "bad").findtext("system-out")
    assert output == "red  <&> | `tick` \\ ]]> \ufffd 🙂\n"


@given(text=st.text())
def test_any_text_makes_well_formed_xml(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.xml"
    told = junit.text([report([step("bad", Outcome.FAILED, reason=text, stdout=text, stderr=text)])])
    write_text(path, told)
    assert ElementTree.parse(path).getroot().find("testsuite/testcase/failure") is not None


def test_several_pages_are_several_suites() -> None:
    told = junit.text([report(), report(lesson="lesson-01")])
    suites = ElementTree.fromstring(told.encode()).findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["lesson-03", "lesson-01"]
