from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb10docs.pages.need import BadNeed, Need, gigabytes, parse_duration, parse_need, parse_size


@pytest.mark.parametrize(
    "text",
    [
        "docker",
        "gpu",
        "privileged",
        "destructive",
        "memory:16GB",
        "disk:40GB",
        "network:nvcr.io",
        "command:jq",
        "command:g++",
        "secret:HF_TOKEN",
        "server:trtllm-quantized",
        "model:nvidia/Qwen3-8B-NVFP4",
        "model:Qwen3-14B-NVFP4",
        "result:bench-vllm",
    ],
)
def test_a_need_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_need(text)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dokcer", "did you mean 'docker'?"),
        ("docker:yes", "takes no value"),
        ("memory", "as in 'memory:16GB'"),
        ("memory:", "as in 'memory:16GB'"),
        ("memory:lots", "is no size"),
        ("memory:0GB", "is no size"),
        ("memory:16", "is no size"),
        ("network:https://nvcr.io", "as in 'network:nvcr.io'"),
        ("network:a..b", "as in 'network:nvcr.io'"),
        ("command:rm -rf", "as in 'command:jq'"),
        ("secret:HF-TOKEN", "as in 'secret:HF_TOKEN'"),
        ("model:a/b/c", "as in 'model:nvidia/Qwen3-8B-NVFP4'"),
        (" docker", "no such need"),
        ("", "no such need"),
    ],
)
def test_a_wrong_need_says_what_is_right(text: str, says: str) -> None:
    with pytest.raises(BadNeed) as error:
        parse_need(text)
    assert says in str(error.value)


@pytest.mark.parametrize(("text", "size"), [("16GB", 16 * 10**9), ("512MiB", 2**29), ("1.5 GB", 15 * 10**8)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size == Need("memory", text).size


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("0.5s", 0.5)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["0s", "90", "-5s", "1d", "s", "9" * 400 + "h", "1e5s", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(BadNeed, match="90s, 15m or 2h"):
        parse_duration(text)


def test_gigabytes_count_in_powers_of_ten() -> None:
    assert gigabytes(128 * 10**9) == "128.0 GB"


@given(
    st.one_of(st.text(), st.builds("{}:{}".format, st.sampled_from(["memory", "disk", "network"]), st.text()))
)
def test_any_text_is_a_need_or_a_bad_one(text: str) -> None:
    try:
        need = parse_need(text)
    except BadNeed:
        return
    assert str(need) == text
    if need.kind in {"memory", "disk"}:
        assert need.size > 0
