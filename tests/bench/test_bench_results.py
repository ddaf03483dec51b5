"""What becomes of benchmark results: kept, shown, drawn, compared."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import MODEL, Behaviour, serve
from checkpoint_samples import headers_only
from click.testing import CliRunner

from gb10docs.bench import CannotMeasure, ceiling, charts, compare, store, table
from gb10docs.bench.conditions import Conditions
from gb10docs.bench.identity import Identity
from gb10docs.bench.metrics import Failure, Request, Run
from gb10docs.bench.results import Result, from_json, to_json
from gb10docs.bench.workload import Workload
from gb10docs.cli.bench import bench
from gb10docs.errors import GB10DocsError
from gb10docs.models import roofline
from gb10docs.results.result import Machine
from gb10docs.site.schemas import bench_schema

HERE = Machine(
    hardware="NVIDIA GB10", os="Ubuntu 24.04", arch="aarch64", cores=20, memory_bytes=128 * 10**9,
    gpu="NVIDIA GB10", driver="580", python="3.12.3",
)  # fmt: skip
REQUEST = Request(t_first=0.1, t_last=2.6, prompt_tokens=64, output_tokens=126, finish_reason="length")
REQUESTS = (REQUEST, replace(REQUEST, t_first=0.2, t_last=2.8), replace(REQUEST, t_first=0.3, t_last=2.7))
RESULT = Result(
    label="vllm",
    started="2026-11-22T09:30:00+00:00",
    gb10docs="0.1",
    workload=Workload(requests=3, output_tokens=126),
    server=Identity("http://127.0.0.1:8002", MODEL, engine="vllm", version="0.23.0"),
    machine=HERE,
    quantization="nvfp4",
    kv_cache="bf16",
    before=Conditions(10**11),
    after=Conditions(10**11, sm_mhz=2400),
    runs=(Run.of(1, 0, REQUESTS), Run.of(4, 0, [REQUEST, Failure("broke off")])),
)
STAND_IN = replace(
    RESULT,
    label="trtllm",
    server=replace(RESULT.server, url="http://127.0.0.1:8001", stand_in="SmolLM2-135M-Instruct on llama.cpp"),
    runs=(Run.of(1, 0, [REQUEST]),),
)


def test_a_result_survives_the_store(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    store.append(RESULT, path)
    store.append(STAND_IN, path)
    assert store.read(path) == ([RESULT, STAND_IN], [])
    line = json.loads(path.read_text().splitlines()[1])
    assert line["schema"] == "gb10docs.bench/2"
    assert line["server"]["stand_in"] == "SmolLM2-135M-Instruct on llama.cpp"


def test_the_json_is_what_the_schema_says() -> None:
    from jsonschema import validate

    written = to_json(RESULT)
    validate(written, bench_schema())
    run = written["runs"][0]
    assert (run["concurrency"], run["requests"]) == (1, {"ok": 3, "failed": 0})
    assert run["ttft_ms"] == {"median": 200.0, "min": 100.0, "max": 300.0, "p95": None}
    for figure in ("tpot_ms", "decode_tok_s", "prefill_tok_s", "e2e_ms"):
        assert {"median", "min", "max"} <= set(run[figure])
    assert run["output_tokens"] == 3 * 126
    assert {"mbu", "system_tok_s", "prompt_tokens"} <= set(run)
    assert {"machine", "server"} <= set(written)


def test_no_store_is_an_empty_one(tmp_path: Path) -> None:
    assert store.read(tmp_path / "none.jsonl") == ([], [])


def test_the_store_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store.append(RESULT) == tmp_path / "gb10docs" / "bench" / "results.jsonl"
    assert store.read().results == [RESULT]


GOOD = json.dumps(to_json(RESULT))
BAD_LINES: dict[str, tuple[str | bytes, str]] = {
    "cut": (GOOD[:50], "Unterminated string"),
    "no object": ("[]", "schema is None"),
    "no UTF-8": (b"\xff\xfe", "can't decode"),
    "missing": (json.dumps({"schema": "gb10docs.bench/2"}), "label"),
    "older": (GOOD.replace("bench/2", "bench/1"), "its schema is 'gb10docs.bench/1'"),
    "wrong type": (GOOD.replace('"warmup": 2', '"warmup": "two"'), "workload.warmup"),
    "bad request": (GOOD.replace('"t_first": 0.1, ', ""), "t_first"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_bad_line_is_named_and_hides_nothing(tmp_path: Path, name: str) -> None:
    bad, reason = BAD_LINES[name]
    path = tmp_path / "results.jsonl"
    line = bad if isinstance(bad, bytes) else bad.encode()
    path.write_bytes(b"\n".join([GOOD.encode(), b"", line, GOOD.encode(), b""]))
    kept = store.read(path)
    assert kept.results == [RESULT, RESULT]
    (error,) = kept.bad
    assert str(error).startswith(f"{path}:3: ")
    assert reason in str(error)


def test_unknown_keys_are_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({**to_json(RESULT), "later": 1}) + "\n")
    assert store.read(path) == ([RESULT], [])


def test_an_unfinished_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_text(GOOD + "\n" + GOOD[:70])
    store.append(STAND_IN, path)
    kept = store.read(path)
    assert kept.results == [RESULT, STAND_IN]
    assert [str(error).split(": ")[0] for error in kept.bad] == [f"{path}:2"]


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    writers = [threading.Thread(target=store.append, args=(RESULT, path)) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert store.read(path) == ([RESULT] * 20, [])


def test_a_store_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GB10DocsError, match="cannot keep the result in"):
        store.append(RESULT, tmp_path / "file" / "results.jsonl")
    with pytest.raises(GB10DocsError, match="cannot read the results in"):
        store.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "found"), [("1", RESULT), ("-1", STAND_IN), ("vllm", RESULT), ("trtllm", STAND_IN)]
)
def test_a_result_is_found_by_place_or_label(name: str, found: Result) -> None:
    assert store.find(name, [RESULT, RESULT, STAND_IN]) is found


def test_a_result_is_found_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(GOOD)
    assert store.find(str(file), []) == RESULT
    file.write_text("{}")
    with pytest.raises(CannotMeasure, match=r"a\.json is no benchmark result: its schema is None"):
        store.find(str(file), [])
    with pytest.raises(CannotMeasure, match="cannot read"):
        store.find(str(tmp_path / "none.json"), [])


@pytest.mark.parametrize("name", ["0", "4", "-4", "sglang"])
def test_a_result_that_is_not_there(name: str) -> None:
    with pytest.raises(CannotMeasure, match=r"kept are: vllm, trtllm\."):
        store.find(name, [RESULT, RESULT, STAND_IN])


def test_the_report_has_a_row_a_level_and_says_what_went_wrong() -> None:
    lines = table.render([RESULT, STAND_IN]).splitlines()
    head, more, columns, first, second, _, other, *rest = lines
    assert more == "thinking off"
    assert (
        head
        == f"vllm: {MODEL}, vLLM 0.23.0, NVIDIA GB10, 2026-11-22 09:30 UTC, about 128 tokens in, 126 out,"
    )
    assert re.split(r"\s{2,}", columns.strip()) == list(table.FIGURES)
    assert re.split(r"\s{2,}", first.strip()) == [
        "1", "0", "3/3", "200 (100–300)", "20.0 (19.2–20.8)", "2.70", "50.0", "320", "135", "–",
    ]  # fmt: skip
    assert re.split(r"\s{2,}", second.strip())[:4] == ["4", "0", "1/2", "100"]
    assert other.startswith("trtllm: stand-in for Qwen3-8B-NVFP4, NVIDIA GB10")
    notes = " ".join(rest)
    assert "4 streams: a request failed: broke off" in notes
    assert "answered by SmolLM2-135M-Instruct on llama.cpp: they show that the benchmark works" in notes


def test_the_report_is_no_wider_than_a_page() -> None:
    many = tuple(
        replace(REQUEST, t_first=1.1 + place / 100, t_last=15 + place / 5, prompt_tokens=16_000)
        for place in range(20)
    )
    wide = replace(RESULT, runs=(replace(Run.of(16, 16384, many), mbu=0.75),), label="a-label-of-some-length")
    assert "p95" in table.render([wide])
    assert max(map(len, table.render([wide]).splitlines())) <= 120


def test_the_heading_states_whether_the_model_may_think() -> None:
    on = replace(RESULT, workload=replace(RESULT.workload, thinking=True))
    unknown = replace(RESULT, server=replace(RESULT.server, engine=""))
    told = [table.heading(each).partition("thinking ")[2] for each in (RESULT, on, unknown)]
    assert told == ["off", "on", "not set"]


def test_a_server_elsewhere_is_named_by_its_address() -> None:
    elsewhere = replace(RESULT, server=replace(RESULT.server, url="http://spark:8002", local=False))
    assert "http://spark:8002" in table.heading(elsewhere)
    assert "GB10" not in table.heading(elsewhere)


def test_a_program_that_was_busy_itself_is_told() -> None:
    assert "this program" not in table.render([RESULT])
    busy = replace(RESULT, runs=(Run.of(64, 0, REQUESTS, client_load=0.93),))
    assert "64 streams: this program used 93% of a processor core" in " ".join(table.render([busy]).split())


def test_answers_that_end_early_and_interrupts_are_told() -> None:
    early = replace(RESULT, runs=(Run.of(1, 0, [replace(REQUEST, finish_reason="stop")]),), interrupted=True)
    notes = " ".join(table.render([early]).split())
    assert "1 of 1 answers ended before 126 tokens" in notes
    assert "interrupted; the last row" in notes


def test_a_report_of_nothing_says_how_to_begin() -> None:
    assert "gb10docs bench" in table.render([])


def test_markdown_and_csv() -> None:
    head, rule, *rows = table.markdown([RESULT]).splitlines()[:4]
    assert head.count("|") == rule.count("|") == rows[0].count("|") == 14
    written = list(csv.DictReader(io.StringIO(table.comma_separated([RESULT, STAND_IN]))))
    assert [row["concurrency"] for row in written] == ["1", "1", "1", "4", "1"]
    assert float(written[0]["tpot_s"]) == pytest.approx(0.02)
    assert written[-1]["stand_in"] == "SmolLM2-135M-Instruct on llama.cpp"


KNOWN = replace(
    RESULT, runs=tuple(replace(run, mbu=0.5 + place / 10) for place, run in enumerate(RESULT.runs))
)


def test_plots_on_the_terminal() -> None:
    drawn = charts.text([KNOWN, STAND_IN])
    assert re.search(r"vllm, 1 stream, TPOT 20\.0 ms +█{40} 135\.0", drawn)
    assert re.search(r"trtllm \(stand-in\), 1 stream, TPOT 20\.0 ms +█{14} 48\.5", drawn)
    assert "vllm, 4 streams" in drawn
    assert charts.text([]) == ""
    deep = replace(RESULT, runs=(Run.of(1, 4096, REQUESTS),))
    assert "vllm, 1 stream, context 4096, TPOT" in charts.text([deep])
    assert len(charts.points([RESULT, deep])) == 2


def test_the_html_page_asks_nobody_for_anything() -> None:
    page = charts.html([replace(KNOWN, label="<vllm>"), STAND_IN])
    assert "&lt;vllm&gt;" in page
    assert "<vllm>" not in page
    assert page.count("<svg") == 2
    assert page.count("aria-label") >= 3
    assert not re.search(r"(src|href)=\"http|url\(http", page)


def test_without_plots_the_page_has_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(CannotMeasure, match=r"pip install 'gb10docs\[bench\]'"):
        charts.html([KNOWN])


def test_mbu_is_bytes_over_time_over_bandwidth() -> None:
    found = ceiling.find(RESULT.server, HERE)
    assert found
    assert (found.model.name, found.quantization, found.machine.name) == ("Qwen3-8B", "nvfp4", "gb10")
    made = roofline.estimate(
        found.model,
        roofline.FORMATS["nvfp4"],
        roofline.MACHINES["gb10"],
        batch=1,
        context=64 + 63,
        cache="fp8",
    )
    one_by_one = [replace(request, t0=10.0 * place) for place, request in enumerate(REQUESTS)]
    assert found.mbu(Run.of(1, 0, one_by_one)) == pytest.approx(made.bytes_per_step / 0.02 / 273e9)
    assert found.mbu(Run.of(1, 0, [Failure("gone")])) is None


def test_mbu_counts_the_cache_of_the_streams_that_write_at_once() -> None:
    assert ceiling.batch(REQUESTS) == 3
    assert ceiling.batch([REQUEST, replace(REQUEST, t0=2.6)]) == 1
    two_by_two = [replace(REQUEST, t0=10.0 * (place // 2)) for place in range(8)]
    assert ceiling.batch(two_by_two) == 2
    found = ceiling.find(RESULT.server, HERE)
    assert found
    alone, together = (found.mbu(Run.of(4, 0, each)) for each in (two_by_two[::2], two_by_two))
    assert alone
    assert together
    cache = 73_728 * (64 + 63)
    assert (together - alone) * 0.02 * 273e9 == pytest.approx(cache)


SIXTEEN_BITS = replace(RESULT.server, model="Qwen3-8B")
"""The same model before it was quantized, whose cache has 16 bits unless the engine is told otherwise."""


@pytest.mark.parametrize(
    ("server", "flags", "cache"),
    [
        (RESULT.server, (), "fp8"),
        (RESULT.server, ("--kv-cache-dtype", "auto"), "fp8"),
        (RESULT.server, ("--kv-cache-dtype", "bfloat16"), "bf16"),
        (RESULT.server, ("sh", "-c", "vllm serve m --kv-cache-dtype=fp8 --kv-cache-dtype=auto"), "fp8"),
        (RESULT.server, ("--kv_cache_dtype", "nvfp4"), "nvfp4"),
        (replace(RESULT.server, engine="trtllm"), (), "fp8"),
        (replace(RESULT.server, engine="llamacpp"), (), "bf16"),
        (replace(RESULT.server, engine="llamacpp"), ("-ctk", "q8_0", "-ctv", "q8_0"), "q8_0"),
        (SIXTEEN_BITS, (), "bf16"),
        (SIXTEEN_BITS, ("serve", "--kv-cache-dtype", "fp8"), "fp8"),
        (SIXTEEN_BITS, ("serve", "--kv_cache_dtype=fp8_e4m3"), "fp8"),
        (SIXTEEN_BITS, ("--kv-cache-dtype", "fp8_e5m2"), "fp8"),
    ],
)
def test_the_cache_is_what_the_engine_was_told_or_the_checkpoint_declares(
    server: Identity, flags: tuple[str, ...], cache: str
) -> None:
    found = ceiling.find(replace(server, flags=flags), HERE)
    assert found
    assert found.cache == cache
    assert (found.mbu(RESULT.runs[0]) is not None) == (cache in roofline.CACHES)


def test_a_cache_of_half_the_bytes_is_half_of_what_it_adds() -> None:
    tellings = (("--kv-cache-dtype", "fp8"), ("--kv-cache-dtype", "bf16"))
    found = [ceiling.find(replace(RESULT.server, flags=told), HERE) for told in tellings]
    eight, sixteen = (each.mbu(RESULT.runs[0]) if each else None for each in found)
    assert eight
    assert sixteen
    # Three streams at once, each with 64 tokens of prompt and half of the answer's 126.
    assert (sixteen - eight) * 0.02 * 273e9 == pytest.approx(3 * 73_728 * (64 + 63), rel=0.05)


DECLARED: dict[str, tuple[dict[str, object], dict[str, object] | None, str]] = {
    "Model Optimizer's own file": ({}, {"quantization": {"kv_cache_quant_algo": "FP8"}}, "fp8"),
    "a scheme of compressed-tensors": (
        {"quantization_config": {"kv_cache_scheme": {"num_bits": 8, "type": "float"}}}, None, "fp8",
    ),
    "Model Optimizer in config.json": (
        {"quantization_config": {"quant_method": "modelopt", "kv_cache_quant_algo": "FP8"}}, None, "fp8",
    ),
    "nothing": ({"quantization_config": {"quant_method": "modelopt"}}, None, "bf16"),
    "a cache of 4 bits": ({}, {"quantization": {"kv_cache_quant_algo": "NVFP4"}}, "nvfp4"),
}  # fmt: skip


@pytest.mark.parametrize("name", DECLARED)
def test_the_folder_that_is_served_says_which_cache_it_wants(tmp_path: Path, name: str) -> None:
    config, quant, cache = DECLARED[name]
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3", **config}))
    if quant:
        (tmp_path / "hf_quant_config.json").write_text(json.dumps(quant))
    headers_only(tmp_path / "model.safetensors", {"model.norm.weight": ("BF16", (4096,))})
    found = ceiling.find(replace(SIXTEEN_BITS, root=str(tmp_path)), HERE)
    assert found
    assert found.cache == cache


def test_scales_of_the_cache_say_it_too(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    headers_only(tmp_path / "model.safetensors", {"model.layers.0.self_attn.k_proj.k_scale": ("F32", (1,))})
    found = ceiling.find(replace(SIXTEEN_BITS, root=str(tmp_path)), HERE)
    assert found
    assert found.cache == "fp8"


@pytest.mark.parametrize("root", ["/nowhere", "no/such-repository", "../..", "a/b/c", ""])
def test_a_folder_that_is_not_here_says_nothing(root: str) -> None:
    found = ceiling.find(replace(RESULT.server, root=root), HERE)
    assert found
    assert found.cache == "fp8"


@pytest.mark.parametrize(
    ("server", "machine"),
    [
        (STAND_IN.server, HERE),
        (replace(RESULT.server, model="my-model"), HERE),
        (RESULT.server, replace(HERE, gpu="")),
        (replace(RESULT.server, local=False), HERE),
    ],
)
def test_no_ceiling_for_a_stand_in_or_what_is_not_known(server: Identity, machine: Machine) -> None:
    assert ceiling.find(server, machine) is None


def run_of(tpots: list[float]) -> Result:
    requests = [replace(REQUEST, t_last=0.1 + tpot * 125) for tpot in tpots]
    return replace(RESULT, runs=(Run.of(1, 0, requests),))


def ratio(first: list[float], second: list[float]) -> compare.Ratio:
    found = compare.compare(run_of(first), run_of(second))
    return next(each for each in found if each.figure == "TPOT")


def test_a_clear_difference_is_told_with_its_spread() -> None:
    found = ratio([0.0200, 0.0201, 0.0199, 0.0202, 0.0198], [0.0240, 0.0241, 0.0239, 0.0242, 0.0238])
    assert found.ratio == pytest.approx(1.2)
    assert found.low
    assert found.high
    assert 1.15 < found.low < 1.2 < found.high < 1.25
    assert found.verdict == "20% higher"
    assert ratio([0.02] * 5, [0.01] * 5).verdict == "50% lower"


def test_a_difference_within_the_spread_is_none() -> None:
    assert ratio([0.020, 0.024, 0.018, 0.022, 0.026], [0.021, 0.025, 0.019, 0.023, 0.027]).verdict == (
        "no difference shown"
    )


def test_three_requests_are_too_few_to_say() -> None:
    assert ratio([0.02] * 3, [0.04] * 3).verdict == "too few requests to say"


@pytest.mark.parametrize(("n", "place"), [(3, 0), (4, 1), (5, 3), (10, 24), (20, 128)])
def test_the_interval_is_the_rank_sum_tests(n: int, place: int) -> None:
    """One more than the tabled critical values of U, two-sided, 5 %."""
    assert compare.outside(n, n) == place


def test_what_else_differs_is_told_beside_the_ratios() -> None:
    assert "Not the same" not in compare.render(RESULT, RESULT)
    longer = replace(RESULT, workload=replace(RESULT.workload, output_tokens=512))
    assert "Not the same: tokens of the answer, 126 and 512." in compare.render(RESULT, longer)
    other = replace(RESULT, machine=replace(HERE, hardware="a laptop"))
    assert "Not the same: the machine, NVIDIA GB10 and a laptop." in compare.render(RESULT, other)


def test_levels_that_only_one_has_are_left_out() -> None:
    other = replace(RESULT, runs=(Run.of(2, 0, [REQUEST]),))
    assert compare.compare(RESULT, other) == []
    assert "no level was measured in both" in compare.render(RESULT, other)
    assert "Answered by a stand-in: trtllm" in compare.render(RESULT, STAND_IN)


def test_the_command_line_measures_keeps_reports_and_compares(tmp_path: Path) -> None:
    kept, written = str(tmp_path / "results.jsonl"), tmp_path / "one.json"
    command = CliRunner().invoke
    with serve(Behaviour(ttft=0, itl=0, tokens=8, stand_in="a small model")) as url:
        options = ["--url", url, "--model", MODEL, "--requests", "2", "--warmup", "0", "--output-tokens", "8"]
        first = command(bench, [*options, "--label", "one", "--store", kept, "--json", str(written)])
        second = command(bench, [*options, "--label", "two", "--store", kept])
    assert first.exit_code == second.exit_code == 0, first.output
    assert "stand-in for" in first.stdout
    assert "answered by a small model" in " ".join(first.stdout.split())
    assert "measuring: 1 stream, 2 requests" in first.stderr
    assert from_json(json.loads(written.read_text())).label == "one"

    shown = command(bench, ["report", "--store", kept])
    assert re.findall(r"^(\w+): stand-in for", shown.stdout, re.MULTILINE) == ["one", "two"]
    named = command(bench, ["report", "two", str(written), "--store", kept])
    assert re.findall(r"^(\w+): stand-in for", named.stdout, re.MULTILINE) == ["two", "one"]
    whole = json.loads(command(bench, ["report", "--json", "--store", kept]).stdout)
    assert [result["label"] for result in whole] == ["one", "two"]
    compared = command(bench, ["compare", "one", "two", "--store", kept])
    assert "too few requests to say" in compared.stdout
    assert "not that from one start of a server to the next" in compared.stdout


def test_failed_requests_are_exit_status_1(tmp_path: Path) -> None:
    with serve(Behaviour(ttft=0, itl=0, tokens=4, break_from=3)) as url:
        options = ["--url", url, "--requests", "3", "--warmup", "0", "--store", str(tmp_path / "r.jsonl")]
        outcome = CliRunner().invoke(bench, options)
    assert outcome.exit_code == 1
    assert " 1/3 " in outcome.stdout


def test_the_command_line_reports_what_is_good_and_fails_for_what_is_bad(tmp_path: Path) -> None:
    kept = tmp_path / "results.jsonl"
    kept.write_text(GOOD + "\nnonsense\n")
    outcome = CliRunner().invoke(bench, ["report", "--store", str(kept)])
    assert outcome.exit_code == 2
    assert MODEL in outcome.stdout
    assert f"{kept}:2: " in outcome.stderr
