"""The content alone: every error that was corrected stays corrected, and pages, snippets and Compose files agree."""

from __future__ import annotations

import ast
import itertools
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from gb10docs.engines import engine as engine_called
from gb10docs.engines.compose import Service, read_service
from gb10docs.models.roofline import FORMATS, MACHINES, bundled, estimate, published
from gb10docs.models.roofline.tables import read

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for folder in ("lessons", "theory", "engines", "how-to", "appendix")
    for path in (ROOT / "docs" / folder).glob("*.md")
)
NOTEBOOKS = sorted((ROOT / "docs/theory").glob("*.py"))
SNIPPETS = sorted(path for path in (ROOT / "snippets").rglob("*") if path.suffix in {".sh", ".py"})
SHELL = [path for path in SNIPPETS if path.suffix == ".sh"]
PYTHON = [path for path in SNIPPETS if path.suffix == ".py"]
COMPOSE = sorted((ROOT / "compose").glob("*/compose.yaml"))

HEADER = re.compile(r"\A# /// script\n(?P<block>(?:#.*\n)*?)# ///\n")
INCLUDE = re.compile(r'--8<-- "(?P<path>[^"]+)"')
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>bash|python)\b[^\n]*\n(?P<body>.*?)\n(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)

FORBIDDEN = {
    "a container name with a typing error": r"ttrtllm",
    "the cli extra, gone since huggingface_hub 1.0": r"huggingface_hub\[cli\]",
    "the deprecated client": r"huggingface-cli",
    "a home folder of a person": r"/home/(?!you/)",
    "a tilde in quotes, which no shell expands": r"""["']~/""",
    "a terminal for a command that nobody types into": r"docker (?:compose )?(?:run|exec)[^\n]*(?: -it?t?\b| -t\b)",
    "docker-compose, the old program": r"\bdocker-compose\b",
    "the flag that ModelOpt 0.37 removed": r"--export_fmt\b|--quant nvfp4",
    "ModelOpt 0.35": r"\b0\.35\.0\b",
    "a flag that the engines no longer need": r"--quantization\b",
    "memory from nvidia-smi, which reports N/A on a GB10": r"nvidia-smi[^\n]*memory",
    "the model of another benchmark": r"Llama-3\.3-70B-Instruct",
    "the script that counted words": r"llm_benchmark\.py",
    "a placeholder in something that runs": r"your_token|<your|YOUR_",
    "a shell start-up file": r"\.bashrc|\.profile|\.zshrc",
    "eager mode, which halves the speed": r"--enforce-eager",
}
"""What must not appear in anything that runs, and why."""

FALSE_CLAIMS = {
    "MX stands for microscaling": r"MXFP4 \(Mixed|mixed exponent floating",
    "MXFP4 comes from the Open Compute Project": r"developed by Meta",
    "FP4 tensor cores need Blackwell": r"RTX 40xx\+|40xx and (?:newer|up)",
    "a 5090 has 32 GB": r"24 ?GB on a 5090",
    "a checkpoint is more than a quarter": r"~25 ?%",
    "temperature 0 promises nothing": r"produces identical output",
    "vLLM serves NVFP4 as well": r"TensorRT-LLM is really it",
    "these are the resources of lesson 3": r"Resources for Lesson 4",
    "a container's limit does not count what CUDA allocates on a GB10": r"mem_limit[^|\n]{0,40}(?:second net|freezes)",
    "vLLM takes 0.92 of the memory since 0.20": r"0\.9 of all memory|0\.9, or 0\.92",
    "Rubin has FP4 tensor cores too": r"tensor cores exist on \[?Blackwell only",
    "there is no lesson 10": r"Lesson 10",
    "no whole mixture of experts was measured in W4A4": r"best a mixture of experts",
    "SGLang's cookbook has the GB10": r"no GB10 guide that we know of",
    "an H200's memory is 17.6 times as fast": r"fifteen times slower",
    "plain nvidia-smi lists memory per process": r"wrong tool for memory|[Dd]o not use `nvidia-smi`",
    "what counts is the date of the source, not of the visit": r"[Ff]acts were\s+checked on",
}
"""Statements of the source that are wrong, by what is right."""


def identify(path: Path) -> str:
    """Name a file for pytest, such as lesson-03/ask-vllm.sh."""
    return f"{path.parent.name}/{path.name}"


def header(path: Path) -> dict[str, Any]:
    """Read a snippet's PEP 723 block."""
    match = HEADER.match(path.read_text())
    assert match, f"{identify(path)}: the file must begin with a `# /// script` block"
    return tomllib.loads("".join(f"{line[2:]}\n" for line in match["block"].splitlines()))


def body(path: Path) -> str:
    """Return what a reader sees: the snippet without its header."""
    return HEADER.sub("", path.read_text()).lstrip("\n")


def settings(path: Path) -> dict[str, Any]:
    """Return a snippet's [tool.gb10docs] table."""
    table: dict[str, Any] = header(path).get("tool", {}).get("gb10docs", {})
    return table


def services() -> dict[str, dict[str, Any]]:
    """Return every Compose service by name, its folder under the key `folder`."""
    found: dict[str, dict[str, Any]] = {}
    for path in COMPOSE:
        for name, service in yaml.safe_load(path.read_text())["services"].items():
            found[name] = {**service, "folder": path.parent}
    return found


def server(name: str) -> Service:
    """Return what the runner reads out of a service."""
    folder = services()[name]["folder"]
    return read_service(ROOT, f"{folder.relative_to(ROOT)}:{name}", "")


def option(command: list[str], flag: str) -> str:
    """Return the value that follows a flag in a command list."""
    assert flag in command, f"{flag} is not in {command}"
    return command[command.index(flag) + 1]


def request_of(path: Path) -> dict[str, Any]:
    """Return the JSON body a single-request snippet sends; sweeps give None where a loop variable stands."""
    if path.suffix == ".py":
        return _python_request(path)
    text = body(path)
    if match := re.search(r"-d '(\{.*?\n  \})'", text, re.DOTALL):
        loaded: dict[str, Any] = json.loads(match[1])
        return loaded
    match = re.search(r"jq -n --argjson \w+ \S+ '(\{.*?\n  \})'", text, re.DOTALL)
    assert match, f"{identify(path)}: no request body found"
    quoted = re.sub(r"(?<=[{,\s])(\w+):", r'"\1":', match[1])
    loaded = json.loads(re.sub(r"\$\w+", "null", quoted))
    return loaded


def _python_request(path: Path) -> dict[str, Any]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    call = next(call for call in calls if ast.unparse(call.func).endswith("completions.create"))
    sent: dict[str, Any] = {}
    for keyword in call.keywords:
        value = None if isinstance(keyword.value, ast.Name) else ast.literal_eval(keyword.value)
        sent |= value if keyword.arg == "extra_body" and value else {str(keyword.arg): value}
    return sent


REQUESTS = [
    path
    for path in SNIPPETS
    if re.search(r"chat/completions|completions\.create", path.read_text()) and path.stem != "rehearsal"
]


def test_there_is_something_to_test() -> None:
    assert len(PAGES) >= 9
    assert len(SNIPPETS) >= 80
    assert len(REQUESTS) == 32
    assert len(COMPOSE) >= 6


@pytest.mark.parametrize("path", [*SNIPPETS, *COMPOSE], ids=identify)
@pytest.mark.parametrize("reason", FORBIDDEN)
def test_corrected_errors_stay_corrected(path: Path, reason: str) -> None:
    text = body(path) if path in SNIPPETS else re.sub(r"#.*", "", path.read_text())
    if path.stem == "rehearsal":
        text = text.replace(
            "--enforce-eager", ""
        )  # nothing is timed there, and graphs take a minute to capture
    found = re.search(FORBIDDEN[reason], text)
    assert not found, f"{identify(path)}: {reason}: {found[0]!r}"


@pytest.mark.parametrize("page", PAGES, ids=identify)
@pytest.mark.parametrize("fact", FALSE_CLAIMS)
def test_false_claims_do_not_return(page: Path, fact: str) -> None:
    assert not re.search(FALSE_CLAIMS[fact], page.read_text(), re.IGNORECASE), fact


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_a_flag_that_the_pinned_vllm_lacks_stands_beside_what_it_has(page: Path) -> None:
    for line in page.read_text().splitlines():
        if "--linear-backend" in line:
            assert "VLLM_NVFP4_GEMM_BACKEND" in line, "0.20.1 knows the variable alone"


@pytest.mark.parametrize(
    "statement",
    [
        "273 GB/s",
        "53.0 tok/s",
        "22.71 tok/s",
        "38.65 tok/s",
        "38.59 tok/s",
        "39 %",
        "Microscaling",
        "Open Compute Project",
        "nothing promises it",
        "Nothing on this page has been run on a GB10 by us yet",
    ],
)
def test_lesson_3_says_what_it_must(statement: str) -> None:
    assert statement in (ROOT / "docs/lessons/lesson-03.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_bash_and_python_fences_are_whole_file_includes(page: Path) -> None:
    text = page.read_text()
    fences = list(FENCE.finditer(text))
    assert len(fences) == len(re.findall(r"^ *```(?:bash|python)\b", text, re.MULTILINE))
    for fence in fences:
        include = INCLUDE.fullmatch(fence["body"].strip())
        assert include, f"{page.name}: not one include: {fence['body']!r}"
        snippet = ROOT / "snippets" / include["path"]
        assert snippet.is_file(), f"{page.name}: {include['path']} does not exist"
        assert snippet.suffix == {"bash": ".sh", "python": ".py"}[fence["language"]]


def test_each_snippet_is_on_exactly_one_page_once() -> None:
    included = [match["path"] for page in PAGES for match in INCLUDE.finditer(page.read_text())]
    assert sorted(included) == [str(path.relative_to(ROOT / "snippets")) for path in SNIPPETS]


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_links_are_https_and_reference_links_are_defined(page: Path) -> None:
    text = page.read_text()
    assert "http://" not in text
    defined = set(re.findall(r"^\[([\w-]+)\]: https://", text, re.MULTILINE))
    used = set(re.findall(r"\]\[([\w-]+)\]", text))
    assert used == defined, f"undefined: {used - defined}; unused: {defined - used}"


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_every_tab_group_offers_curl_then_python(page: Path) -> None:
    tabs = re.findall(r'^=== "(.+)"$', page.read_text(), re.MULTILINE)
    assert tabs == ["curl", "Python"] * (len(tabs) // 2)
    chunks = re.split(r"^(?=\S)", page.read_text(), flags=re.MULTILINE)
    for first, second in itertools.pairwise(chunks):
        if first.startswith('=== "Python"'):
            assert not second.startswith("==="), f"two tab groups run together after {first[:200]!r}"


@pytest.mark.parametrize("path", SHELL, ids=identify)
def test_shell_parses(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)


@pytest.mark.parametrize("path", SHELL, ids=identify)
def test_shellcheck(path: Path, shellcheck: str) -> None:
    # SC2164: a `cd` that fails ends the step. SC1091: a sourced file is the reader's.
    command = [shellcheck, "--shell", "bash", "--exclude", "SC1091,SC2164", "-"]
    result = subprocess.run(command, input=body(path), text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", PYTHON, ids=identify)
def test_python_compiles_and_declares_itself(path: Path) -> None:
    compile(path.read_text(), str(path), "exec")
    assert header(path)["requires-python"] == ">=3.11"
    assert isinstance(header(path)["dependencies"], list)


@pytest.mark.parametrize("path", SNIPPETS, ids=identify)
def test_needs_are_declared(path: Path) -> None:
    text, needs = body(path), settings(path).get("needs", [])
    if any(need.startswith("server:") for need in needs):
        needs = [*needs, "docker"]
    words = {
        "sudo": "privileged",
        "docker": "docker",
        "jq": "command:jq",
        "curl": "command:curl",
        "tree": "command:tree",
    }
    for word, need in words.items():
        if re.search(rf"(?:^|[|(] *|&& |sudo ){word} ", text, re.MULTILINE):
            assert need in needs, f"{identify(path)} runs {word} but does not need {need}"
    if re.search(r"docker (?:run|manifest|pull|compose pull)|hf download", text):
        assert any(need.startswith("network:") for need in needs)


@pytest.mark.parametrize("path", [path for path in REQUESTS if path.suffix == ".sh"], ids=identify)
def test_curl_requests_fail_when_the_server_does(path: Path) -> None:
    for call in re.findall(r"curl [^|]*", body(path)):
        assert "-fsS" in call
    assert "jq -er" in body(path)
    assert "error(" in body(path)


@pytest.mark.parametrize("path", REQUESTS, ids=identify)
def test_requests_switch_thinking_off_and_stay_short(path: Path) -> None:
    sent = request_of(path)
    quiet = engine_called(server(asked(path)).engine).thinking(False)
    assert quiet.items() <= sent.items()
    assert 60 <= sent["max_tokens"] <= 200
    assert set(sent) <= {
        "model",
        "messages",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        *quiet,
    }
    assert settings(path)["expect"]["chat"] is True


@pytest.mark.parametrize("path", [path for path in REQUESTS if path.suffix == ".sh"], ids=identify)
def test_both_languages_send_the_same_request(path: Path) -> None:
    assert request_of(path) == request_of(path.with_suffix(".py"))


def test_a_lessons_requests_together_stay_below_2500_tokens() -> None:
    total = 0
    for path in (path for path in REQUESTS if path.parent.name.startswith("lesson")):
        loop = re.search(r"^for \w+ in \(?([^;:)]+)", body(path), re.MULTILINE)
        total += request_of(path)["max_tokens"] * (len(re.findall(r"[\d.]+", loop[1])) if loop else 1)
    assert total < 2500


@pytest.mark.parametrize("path", REQUESTS, ids=identify)
def test_requests_name_the_model_and_port_of_their_server(path: Path) -> None:
    service = server(asked(path))
    assert request_of(path)["model"] == (service.served_name or pulled(path))
    assert set(re.findall(r"http://127\.0\.0\.1:(\d+)", body(path))) == {str(service.port)}


def asked(path: Path) -> str:
    """Return the name of the service that a request goes to."""
    needs: list[str] = settings(path)["needs"]
    return next(need.removeprefix("server:") for need in needs if need.startswith("server:"))


def pulled(path: Path) -> str:
    """Return the model that a step beside a request fetches, where the server starts without one."""
    match = re.search(r'"model": "([^"]+)"', body(path.with_name("pull-model.sh")))
    assert match
    return match[1]


@pytest.mark.parametrize("path", SHELL, ids=identify)
def test_tools_name_the_model_of_the_port_they_use(path: Path) -> None:
    text = body(path)
    if "--model " not in text or "127.0.0.1" not in text:
        return
    by_port = {str(server(name).port): server(name) for name in services()}
    port = re.search(r"127\.0\.0\.1:(\d+)", text)
    model = re.search(r"--model (\S+)", text)
    assert port
    assert model
    assert model[1] == by_port[port[1]].served_name


@pytest.mark.parametrize("name", services())
def test_service_is_pinned_bounded_and_private(name: str) -> None:
    service = services()[name]
    tag = service["image"].rsplit(":", 1)[1]
    assert tag != "latest"
    assert "/" not in tag
    assert "$" not in service["image"]
    port = server(name).port
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert "--host" not in service["command"] or option(service["command"], "--host") == "0.0.0.0"
    assert any(f":{port}/" in part or part == "list" for part in service["healthcheck"]["test"])
    assert service["healthcheck"]["start_period"].endswith("m")
    offline = service.get("environment", {}).get("HF_HUB_OFFLINE") == "1" or "--offline" in service["command"]
    assert offline or name == "ollama", "it could fetch a model on its own"
    assert service["mem_limit"] == "32g", "half of the smaller GB10's memory"
    assert "privileged" not in service
    assert "tty" not in service
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


@pytest.mark.parametrize("name", services())
def test_service_mounts_its_model_read_only(name: str) -> None:
    service = services()[name]
    said = [*service["command"], *service.get("environment", {}).values()]
    model = next((part for part in said if part.startswith("/models/")), "")
    if name == "ollama":
        assert not model
        return
    (mount,) = [volume for volume in service["volumes"] if model.startswith(volume["target"])]
    assert mount["source"] == f"${{HOME}}/gb10{mount['target']}"
    assert all(volume["read_only"] for volume in service["volumes"] if volume["type"] == "bind")
    assert mount["bind"] == {"create_host_path": False}, "Docker would make an empty folder owned by root"


@pytest.mark.parametrize(
    ("name", "weights_gb", "kv_bytes"), [("trtllm", 6.40, 73_728), ("trtllm-quantized", 10.54, 163_840)]
)
def test_tensorrt_llm_budget_agrees_with_its_step(name: str, weights_gb: float, kv_bytes: int) -> None:
    service = services()[name]
    limits = yaml.safe_load((service["folder"] / "llm-api.yaml").read_text())["kv_cache_config"]
    assert limits["free_gpu_memory_fraction"] <= 0.2
    sequences = int(option(service["command"], "--max_batch_size"))
    assert limits["max_tokens"] == sequences * int(option(service["command"], "--max_seq_len"))
    calculated = weights_gb + limits["max_tokens"] * kv_bytes / 1e9
    assert calculated + 8 <= _memory_need(name) <= calculated + 12


def test_vllm_budget_agrees_with_its_step() -> None:
    fraction = float(option(services()["vllm"]["command"], "--gpu-memory-utilization"))
    assert fraction * 128 <= _memory_need("vllm") <= fraction * 128 + 2
    least = estimate(bundled("Qwen3-8B"), FORMATS["nvfp4"], MACHINES["gb10-64gb"], context=8192, cache="fp8")
    assert least.weight_bytes + least.cache_bytes < fraction * least.machine.memory_gb.value * 1e9


def test_two_servers_fit_into_the_larger_gb10_and_each_step_into_the_smaller() -> None:
    needs = sorted((_memory_need(name) for name in services()), reverse=True)
    assert sum(needs[:2]) < MACHINES["gb10"].memory_bytes / 1e9
    needed = {
        path: int(need.removeprefix("memory:").removesuffix("GB"))
        for path in SHELL
        for need in settings(path).get("needs", [])
        if need.startswith("memory:")
    }
    too_much = {
        identify(path) for path, need in needed.items() if need > MACHINES["gb10-64gb"].memory_bytes / 1e9
    }
    assert too_much == {"two/vllm-two.sh", "two/trtllm-two.sh"}, "a model that no single GB10 holds"


def _memory_need(service: str) -> int:
    paths = [path for path in SHELL if str(settings(path).get("serves", "")).endswith(f":{service}")]
    (need,) = {need for path in paths for need in settings(path)["needs"] if need.startswith("memory:")}
    return int(need.removeprefix("memory:").removesuffix("GB"))


def test_every_image_is_in_the_lock_and_only_a_justified_one_is_latest() -> None:
    lock = {
        row["reference"]: row
        for row in tomllib.loads((ROOT / "compose/images.lock.toml").read_text())["image"]
    }
    used = {service["image"] for service in services().values()}
    for path in SHELL:
        used |= set(re.findall(r"(?:nvcr\.io|vllm)/\S+:[\w.-]+", body(path)))
    assert used == set(lock)
    for reference, row in lock.items():
        assert row["source"].startswith("https://")
        assert row["chosen_because"]
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", row.get("digest", "sha256:" + 64 * "0"))
        assert row.get("digest_source", "https://").startswith("https://")
        if reference.endswith(":latest"):
            assert "only tag" in row["chosen_because"]
        for user in row["used_by"]:
            assert (ROOT / user).exists()


def test_every_model_that_is_downloaded_is_in_the_lock_and_taken_at_its_revision() -> None:
    lock = {
        row["repository"]: row.get("revision", "")
        for row in tomllib.loads((ROOT / "compose/models.lock.toml").read_text())["model"]
    }
    texts = [body(path) for path in SHELL if "hf download" in body(path)]
    named = [re.findall(r"hf download (\S+)", text) for text in texts]
    assert {name for names in named for name in names} == set(lock)
    for text, (name,) in zip(texts, named, strict=True):
        assert re.findall(r"--revision (\S+)", text) == ([lock[name]] if lock[name] else [])


@pytest.mark.parametrize("path", SNIPPETS, ids=identify)
def test_serves_stops_and_server_needs_name_real_services(path: Path) -> None:
    table = settings(path)
    known = services()
    if "serves" in table:
        folder, name = table["serves"].rsplit(":", 1)
        assert known[name]["folder"] == ROOT / folder
        assert "docker compose up -d --wait" in body(path)
    asked = [need.removeprefix("server:") for need in table.get("needs", []) if need.startswith("server:")]
    assert {*asked, *table.get("stops", [])} <= set(known)


SPEED = re.compile(
    r"([\d.,]*\d)(?: (?:to|instead of) ([\d.,]*\d))? tok/s(?: (?:fall|falling) to ([\d.,]*\d))?"
)


def speeds(page: Path) -> set[str]:
    """Return the speeds that a page's own prose and tables name, but for generated tables and output."""
    text = page.read_text()
    if page.suffix == ".py":
        text = "\n".join(line[2:] for line in text.splitlines() if line.startswith("# "))
    text = re.sub(r"<!-- table: .*?<!-- end of table -->", "", text, flags=re.DOTALL)
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text).replace("**", "")
    return {figure.replace(",", "") for match in SPEED.finditer(text) for figure in match.groups() if figure}


def test_a_speed_on_a_page_is_a_row_of_the_data_or_a_ceiling_that_we_compute() -> None:
    contexts, caches = (0, 2048, 32_768), ("bf16", "fp8")
    bounds = [
        estimate(
            bundled(model), FORMATS[stored], MACHINES["gb10"], context=context, cache=cache
        ).ceiling_tok_s
        for model in ("Qwen3-8B", "Qwen3-14B", "Llama-3.3-70B")
        for stored in ("nvfp4", "fp8", "bf16")
        for context in contexts
        for cache in caches
    ]
    ceilings = {f"{bound:.{digits}f}" for bound in bounds for digits in (0, 1, 2)}
    sources: dict[str, set[str]] = {}
    for row in published():
        for value in filter(None, (row.tok_s, row.low, row.prefill_tok_s)):
            sources.setdefault(f"{value:g}", set()).add(row.source)
    for aside in read("published")["aside"]:
        for value in aside["tok_s"]:
            sources.setdefault(f"{value:g}", set()).add(aside["source"])
    named = {page: speeds(page) for page in [*PAGES, *NOTEBOOKS]}
    assert sum(len(figures) for figures in named.values()) >= 10
    for page, figures in named.items():
        for figure in figures - ceilings:
            assert figure in sources, f"{page.name}: {figure} tok/s is in no row of data/published.toml"
            assert any(source in page.read_text() for source in sources[figure]), (
                f"{page.name}: {figure}: no source"
            )


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=identify)
def test_a_measured_speed_has_its_share_from_the_data_alone(page: Path) -> None:
    text = re.sub(r"<!-- table: .*?<!-- end of table -->", "", page.read_text(), flags=re.DOTALL)
    text = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert not re.search(r"tok/s[^\n]{0,40}\|\s*\d+ %", text), (
        "a share beside a speed is written by site prepare"
    )


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name in {"lessons", "engines"} and page.stem != "contracts"],
    ids=identify,
)
def test_a_page_says_how_old_its_sources_are(page: Path) -> None:
    told = re.findall(
        r"[Tt]he\s+sources\s+are|The\s+source\s+is\s+that\s+of|with\s+its\s+source\s+and\s+date",
        page.read_text(),
    )
    assert len(told) == 1, f"{page.name} says {len(told)} times how old its sources are"
