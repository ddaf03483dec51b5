"""What the measurement on a GPU counts, as far as it can be told without one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("gpu") / "decode_speed.py"
spec = importlib.util.spec_from_file_location("decode_speed", SCRIPT)
assert spec
assert spec.loader
decode_speed = importlib.util.module_from_spec(spec)
spec.loader.exec_module(decode_speed)


@pytest.mark.parametrize(("kind", "gigabytes"), [("bf16", 15.14), ("fp8", 8.19), ("nvfp4", 5.15)])
def test_bytes_read_are_those_of_the_lesson(kind: str, gigabytes: float) -> None:
    assert round(decode_speed.read_per_token(kind) / 1e9, 2) == gigabytes


def test_the_median_with_its_spread() -> None:
    seconds = [0.004, 0.005, 0.0041, 0.0039, 0.0042]
    assert decode_speed.spread(seconds, 8) == {"tok_s": 1951.2, "slowest": 1600.0, "fastest": 2051.3}
