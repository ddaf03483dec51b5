"""The recorded measurement of accuracy: it speaks of today's script and text, and the pages say what it says."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gb10docs.evidence import ledger as evidence
from gb10docs.evidence.inputs import Pins, input_hash

ROOT = Path(__file__).parents[2]
LEDGER = ROOT / "docs/evidence/theory/measure-accuracy/cpu-llamacpp.json"
STEP = "measure-accuracy/perplexity"
TEXT = ROOT / "snippets/theory/passages.txt"
PAGE = (ROOT / "docs/theory/accuracy.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def record() -> evidence.StepRecord:
    ledger = evidence.read(LEDGER)
    assert ledger
    return ledger.steps[STEP]


@pytest.fixture(scope="module")
def measured(record: evidence.StepRecord) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.stdout)
    return found


def costs(measured: dict[str, Any], name: str) -> Any:
    """Of each passage, nats a token above BF16."""
    return np.array(measured[name]["nats"]) - np.array(measured["BF16"]["nats"])


def test_the_record_is_a_real_run_of_todays_script_on_todays_text(
    record: evidence.StepRecord, measured: dict[str, Any]
) -> None:
    again = "run it again: gb10docs run measure-accuracy --record"
    script = "snippets/theory/perplexity.py"
    assert record.standing is evidence.Standing.REAL
    assert record.inputs[script] == input_hash(script, Pins(ROOT)), again
    assert measured["text"]["sha256"] == hashlib.sha256(TEXT.read_bytes()).hexdigest(), again


def test_the_page_reads_this_record() -> None:
    assert f"reads: [../{LEDGER.relative_to(ROOT / 'docs').as_posix()}]" in PAGE


def test_perplexity_is_that_of_the_passages(measured: dict[str, Any]) -> None:
    for row in (value for value in measured.values() if "nats" in value):
        assert len(row["nats"]) == measured["text"]["passages"]
        assert row["perplexity"] == pytest.approx(np.exp(np.mean(row["nats"])), abs=0.01)


def test_what_the_page_concludes_is_so(measured: dict[str, Any]) -> None:
    names = ["NVFP4 W4A16", "NVFP4 W4A4", "MXFP4 W4A16", "MXFP4 W4A4"]
    nv16, nv4, mx16, mx4 = (costs(measured, name) for name in names)
    fp8 = costs(measured, "FP8 W8A8")
    assert abs(fp8.mean()) < 0.03, "FP8 costs next to nothing"
    assert min(cost.min() for cost in (nv16, nv4, mx16, mx4)) > 0, "each costs something on every passage"
    assert nv16.mean() < mx16.mean() / 2, "NVFP4's weights cost less than half of MXFP4's"
    assert 0.6 < (nv4 - nv16).mean() / nv16.mean() < 1, "most of another NVFP4"
    assert nv16.max() < mx16.min(), "the clouds do not overlap"
    assert nv16.mean() < nv4.mean() < mx16.mean() < mx4.mean(), "the order in the plot's text"


def test_the_page_gives_the_size_of_the_text(measured: dict[str, Any]) -> None:
    assert f"{measured['text']['tokens']:,} tokens of English prose" in PAGE


@pytest.mark.parametrize(
    "limit",
    ["135 million parameters", "Q4_1", "no INT4 row", "rounded to the nearest", "No kernel of any engine"],
)
def test_the_limits_stand_beside_the_plot(limit: str) -> None:
    beside = PAGE[PAGE.index("What this does not say") : PAGE.index("What it does say")]
    assert limit in re.sub(r"\s*# ", " ", beside)


def test_the_passages_are_prose_of_about_200_words() -> None:
    words = [len(one.split()) for one in TEXT.read_text(encoding="utf-8").strip().split("\n\n")]
    assert len(words) == 20
    assert all(150 < count < 250 for count in words)
