# /// script
# requires-python = ">=3.11"
# dependencies = ["ray", "torch", "vllm"]
#
# [tool.gb10docs]
# needs = ["gpu", "package:ray", "package:vllm", "package:torch"]
# optional = true
# timeout = "20m"
# expect.contains = ["2 nodes, 2 GPUs", "one node is gone", "asked again:"]
# ///
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import torch

MODEL = Path(os.environ.get("MODEL", Path.home() / "gb10/models/Qwen3-8B-NVFP4"))
ADDRESSES, PORT = ("127.0.0.1", "127.0.0.2"), 8003
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
LOGS = Path(tempfile.mkdtemp())


def started(name: str, command: list[str], place: int) -> subprocess.Popen[bytes]:
    """A program of one node: it sees that node's GPU alone."""
    loopback = {"NCCL_SOCKET_IFNAME": "lo", "GLOO_SOCKET_IFNAME": "lo", "VLLM_NO_USAGE_STATS": "1"}
    own = {
        "CUDA_VISIBLE_DEVICES": str(place),
        "VLLM_HOST_IP": ADDRESSES[place],
        "RAY_ADDRESS": f"{ADDRESSES[0]}:6379",
    }
    with (LOGS / name).open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **loopback, **own},
            start_new_session=True,
        )


def node(place: int) -> subprocess.Popen[bytes]:
    join = (
        ["--head", "--port=6379", "--include-dashboard=false"]
        if place == 0
        else [f"--address={ADDRESSES[0]}:6379"]
    )
    command = [*RAY, "start", *join, f"--node-ip-address={ADDRESSES[place]}", "--num-gpus=1", "--num-cpus=8"]
    return started(f"node{place}", [*command, "--disable-usage-stats", "--block"], place)


def members() -> tuple[int, int]:
    """Nodes that are alive, and their GPUs."""
    code = """import json, ray
ray.init(address="auto", logging_level=40)
print(json.dumps([node for node in ray.nodes() if node["Alive"]], default=str))"""
    environment = {**os.environ, "RAY_ADDRESS": f"{ADDRESSES[0]}:6379"}
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    alive = (
        json.loads(asked.stdout.splitlines()[-1]) if asked.returncode == 0 and asked.stdout.strip() else []
    )
    return len(alive), sum(int(each["Resources"].get("GPU", 0)) for each in alive)


def until(what: str, true, seconds: float, server: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end or (server and server.poll() is not None):
            sys.exit(f"no {what} after {seconds:.0f} s; the end of the log:\n{said('server')[-1500:]}")
        time.sleep(2)


def said(name: str) -> str:
    return (LOGS / name).read_text(errors="replace") if (LOGS / name).exists() else ""


def answers(path: str, body: dict | None = None) -> str:
    """What the server says, or the error that a client sees."""
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}{path}", data, {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.read().decode() or "ok"
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}: {error.read().decode()[:300]}" if body else ""
    except OSError as error:
        return f"no answer: {error}" if body else ""


if torch.cuda.device_count() < 2:
    sys.exit("two NVIDIA GPUs are needed, and this machine has fewer")
config = json.loads((MODEL / "config.json").read_text())
algorithm = config.get("quantization_config", {}).get("quant_algo", "not quantized")
print(
    f"model: {config['model_type']}, {config['num_hidden_layers']} layers, {config['hidden_size']} wide, {algorithm}"
)
print(f"gpus: {torch.cuda.get_device_name(0)}, {torch.cuda.get_device_name(1)}")

nodes = [node(0)]
until("first node", lambda: members() == (1, 1), 90)
nodes.append(node(1))
until("second node", lambda: members() == (2, 2), 90)
print("ray: 2 nodes, 2 GPUs")

options = {"--model": str(MODEL), "--served-model-name": "two", "--host": "127.0.0.1", "--port": str(PORT),
           "--tensor-parallel-size": "2", "--distributed-executor-backend": "ray",
           "--gpu-memory-utilization": "0.2", "--max-model-len": "4096"}  # fmt: skip
serve = ["-m", "vllm.entrypoints.openai.api_server", "--enforce-eager", "--disable-custom-all-reduce"]
serve += [word for option in options.items() for word in option]
server = started("server", [sys.executable, *serve], 0)
until("server", lambda: answers("/health"), 420, server)
question = {
    "model": "two",
    "messages": [{"role": "user", "content": "Name three rivers."}],
    "max_tokens": 40,
    "temperature": 0,
}
answer = json.loads(answers("/v1/chat/completions", question))
print(
    f"answered: {answer['choices'][0]['message']['content']!r}, {answer['usage']['completion_tokens']} tokens"
)

os.killpg(nodes[1].pid, signal.SIGKILL)
until("loss of a node", lambda: members()[0] == 1, 90)
print("one node is gone")
print(f"asked again: {answers('/v1/chat/completions', question)}")
errors = [line for line in said("server").splitlines() if "Error" in line or "died" in line]
print("the server's log:", *(line.strip()[-300:] for line in errors[-4:]), sep="\n  ")

for process in (server, *nodes):
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
