from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from trees import Tree

from gb10docs.engines import BadService
from gb10docs.engines.compose import Mount, read_service

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.mark.parametrize(
    ("command", "model"),
    [
        ("vllm serve --port 8001 org/M", "org/M"),
        ("vllm serve org/M --port 8001", "org/M"),
        ("vllm serve --enforce-eager --enable-prefix-caching org/M -tp 2", "org/M"),
        ("vllm serve --seed -1 --port=8001 org/M", "org/M"),
        ("vllm serve --port 8001 --model org/M", "org/M"),
        ("/usr/bin/vllm serve org/M", "org/M"),
        ("env A=b vllm serve --max-num-seqs 4 org/M", "org/M"),
        ("trtllm-serve serve --host 0.0.0.0 org/M", "M"),
        ("trtllm-serve --max_batch_size 4 org/M", "M"),
        ("llama-server -m /models/vllm.gguf --alias vllm --port 8001", "vllm"),
        ("python3 -m sglang.launch_server --model-path org/M --trust-remote-code", "org/M"),
    ],
)
def test_the_model_of_a_command(tree: Tree, command: str, model: str) -> None:
    words = ", ".join(f'"{word}"' for word in command.split())
    root = tree({"compose/x/compose.yaml": service(f"command: [{words}]", PORTS)})
    assert read_service(root, "compose/x:vllm", "").served_name == model


@pytest.mark.parametrize(
    "command", ["vllm, serve", "vllm, serve, --port, 8001", "trtllm-serve, --backend, pytorch"]
)
def test_a_command_that_does_not_name_its_model(tree: Tree, command: str) -> None:
    said = complaint(tree, service(f'command: [{command}, --max-model-len, "1"]', PORTS))
    assert "the command of 'vllm' does not say which model it loads: name it right after 'serve'" in said


@pytest.mark.parametrize(
    ("entry", "mount"),
    [
        ('"./conf:/etc/conf:ro,z"', Mount("/etc/conf", "./conf", False)),
        ('"./conf:/etc/conf:ro"', Mount("/etc/conf", "./conf", False)),
        ('"./conf:/etc/conf"', Mount("/etc/conf", "./conf", False)),
        ('".:/etc/conf:Z"', Mount("/etc/conf", ".", False)),
        ('"${HOME:-/root}/x:/etc/conf:rw,cached"', Mount("/etc/conf", "${HOME:-/root}/x", False)),
        ('"$HOME:/etc/conf"', Mount("/etc/conf", "$HOME", False)),
        ('"~/x:/etc/conf"', Mount("/etc/conf", "~/x", False)),
        ('"cache:/etc/conf:nocopy"', Mount("/etc/conf", "cache", True)),
        ('"/etc/conf"', Mount("/etc/conf", "", True)),
    ],
)
def test_mounts(tree: Tree, entry: str, mount: Mount) -> None:
    files = {"compose/x/compose.yaml": service(COMMAND, PORTS, f"volumes: [{entry}]"), "compose/x/conf": "x"}
    found = read_service(tree(files), "compose/x:vllm", "")
    assert found.mounts == (mount,)
    assert [file.name for file in found.files] == [
        "compose.yaml",
        *(["conf"] if mount.source == "./conf" else []),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("ports: 8001", "'ports' of 'vllm' is no list: write it as one, as in [\"127.0.0.1:8001:8001\"]"),
        ("ports: {a: b}", "'ports' of 'vllm' is no list"),
        ("volumes: 7", "'volumes' of 'vllm' is no list"),
        ("volumes: {a: b}", "'volumes' of 'vllm' is no list"),
        ("volumes: [null, '']", "'vllm' mounts '"),
        ("volumes: ['./a:']", "'vllm' mounts './a:', which names no path in the container"),
        ("entrypoint: 7", "'entrypoint' of 'vllm' is no list"),
        ("command: 7", "'command' of 'vllm' is no list"),
    ],
)
def test_what_is_no_list_is_told(tree: Tree, line: str, says: str) -> None:
    key = line.partition(":")[0]
    lines = {"command": COMMAND, "ports": PORTS} | {key: line}
    assert says in complaint(tree, service(*lines.values()))


def test_a_file_that_writes_out_to_more_than_memory_holds(tree: Tree) -> None:
    growing = ["x0: &a0 {k: v}"]
    growing += [f"x{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 41)]
    bomb = "\n".join(growing) + "\n"
    said = complaint(tree, bomb + service(COMMAND, PORTS, "environment: *a40"))
    assert "cannot be read: it writes out to more than 100000 values" in said
    assert "writes out to more" in complaint(tree, "a: &a [*a]\n" + service(COMMAND, PORTS))


def test_a_folder_without_a_file(tree: Tree) -> None:
    said = complaint(tree, "", serves="compose/y:vllm")
    assert (
        said
        == "docs/p.md:3 (a.sh): 'serves' names compose/y, which holds no compose.yaml: name the folder of one"
    )


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("compose/*/compose.yaml")), ids=lambda path: path.parent.name
)
def test_a_service_may_do_no_more_than_it_needs(path: Path) -> None:
    """And one that shares memory with the machine, or may write in its image, says why."""
    text = path.read_text()
    for service in yaml.safe_load(text)["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert service.get("ipc", "private") == "private" or "# SGLang" in text or "# TensorRT-LLM" in text
        assert service.get("read_only") is True or "# Not read-only: " in text
        assert all(mount.get("read_only") is True for mount in service["volumes"] if mount["type"] == "bind")
