from __future__ import annotations

from pathlib import Path

import pytest
from trees import Tree

from gb10docs.compose import BadService, read_service

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "command: [vllm, serve, /models/M, --served-model-name, M, --max-model-len=4096]"
PORTS = 'ports: ["127.0.0.1:8002:8002"]'


def service(*lines: str, name: str = "vllm") -> str:
    return "services:\n  " + "\n    ".join([f"{name}:", *lines]) + "\n"


def complaint(tree: Tree, content: str | bytes, serves: str = "compose/x:vllm") -> str:
    root = tree({"compose/x/compose.yaml": content})
    with pytest.raises(BadService) as error:
        read_service(root, serves, "docs/p.md:3 (a.sh)")
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{root}/", "")


@pytest.mark.parametrize(
    ("serves", "engine", "port", "model"),
    [
        ("compose/trtllm:trtllm", "trtllm", 8001, "Qwen3-8B-NVFP4"),
        ("compose/trtllm:trtllm-quantized", "trtllm", 8000, "Qwen3-14B-NVFP4"),
        ("compose/vllm:vllm", "vllm", 8002, "Qwen3-8B-NVFP4"),
    ],
)
def test_the_servers_of_the_course(serves: str, engine: str, port: int, model: str) -> None:
    found = read_service(ROOT, serves, "")
    assert (found.engine, found.port, found.served_name, found.max_model_len) == (engine, port, model, 8192)
    assert all(file.is_file() for file in found.files)
    assert found.image.startswith("nvcr.io/")


def test_a_service_says_what_a_server_is(tree: Tree) -> None:
    mounts = [
        '"./engine.yaml:/config:ro"',
        '"cache:/root/.cache"',
        "{type: bind, source: ./more.yaml, target: /x}",
    ]
    volumes = f"volumes: [{', '.join(mounts)}]"
    root = tree({"compose/x/compose.yml": "name: mine\n" + service("image: i:1", COMMAND, PORTS, volumes)})
    found = read_service(root, "compose/x:vllm", "")
    assert (found.image, found.served_name, found.max_model_len, found.project) == ("i:1", "M", 4096, "mine")
    assert [file.name for file in found.files] == ["compose.yml", "engine.yaml", "more.yaml"]


@pytest.mark.parametrize(
    ("entry", "port"),
    [
        ('"127.0.0.1:8002:8000"', 8002),
        ('"127.0.0.1:8002:8000/tcp"', 8002),
        ("{host_ip: 127.0.0.1, published: 8002, target: 8000}", 8002),
        ('{host_ip: 127.0.0.1, published: "8002", target: 8000}', 8002),
    ],
)
def test_ports_of_this_machine(tree: Tree, entry: str, port: int) -> None:
    root = tree({"compose/x/compose.yaml": service(COMMAND, f"ports: [{entry}]")})
    assert read_service(root, "compose/x:vllm", "").port == port


@pytest.mark.parametrize(
    "entry",
    [
        '"8002:8000"',
        "8002",
        '"0.0.0.0:8002:8000"',
        '"[::1]:8002:8000"',
        '"127.0.0.1::8000"',
        '"127.0.0.1:8002-8004:8000-8002"',
        '"127.0.0.1:${PORT}:8000"',
        '"127.0.0.1:99999:1"',
        "{published: 8002, target: 1}",
        '"127.0.0.1:8002:8002", "8003:8003"',
        "null",
    ],
)
def test_other_ports_are_refused(tree: Tree, entry: str) -> None:
    said = complaint(tree, service(COMMAND, f"ports: [{entry}]"))
    assert said.startswith("compose/x/compose.yaml: 'vllm' publishes '")
    assert "write it as 127.0.0.1:8001:8001" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (service(COMMAND), "'vllm' publishes no port"),
        (service("command: vllm serve", PORTS), "the command of 'vllm' is a string: write it as a list"),
        (service("command: [sleep, inf]", PORTS), "starts no engine that is known here: write one of"),
        (
            service("command: [vllm, serve, m, --max-model-len, auto]", PORTS),
            "longest context of 'vllm' is 'auto'",
        ),
        (service("command: [vllm, serve, m, --max-model-len]", PORTS), ""),
        (
            service(COMMAND, PORTS, name="vlm"),
            "docs/p.md:3 (a.sh): compose/x/compose.yaml has no service 'vllm': did you mean 'vlm'?",
        ),
        (service(COMMAND, PORTS, name="1"), "has no service 'vllm'"),
        ("services: {vllm: }\n", "'services' is no table of tables"),
        ("services: [vllm]\n", "'services' is no table of tables"),
        ("services:\n  a: [\n", "compose/x/compose.yaml:3: no valid YAML"),
        (b"\xff", "compose/x/compose.yaml:1: no valid YAML"),
        ("a: 2024-99-99\n", "compose/x/compose.yaml:1: no valid YAML"),
        ("- a\n", "compose/x/compose.yaml:1: no table of keys"),
        ("", "has no service 'vllm'"),
    ],
)
def test_a_wrong_file_is_told(tree: Tree, content: str | bytes, says: str) -> None:
    if says:
        assert says in complaint(tree, content)
    else:
        root = tree({"compose/x/compose.yaml": content})
        assert read_service(root, "compose/x:vllm", "").max_model_len == 0


def test_a_folder_without_a_file(tree: Tree) -> None:
    said = complaint(tree, "", serves="compose/y:vllm")
    assert (
        said
        == "docs/p.md:3 (a.sh): 'serves' names compose/y, which holds no compose.yaml: name the folder of one"
    )
