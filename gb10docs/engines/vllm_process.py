"""vLLM as a process: the argument list of a Compose service, as vLLM on this machine can take it.

What is not as the Compose file says is told, change by change, for the evidence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

from gb10docs.engines import ON_CPU
from gb10docs.engines.compose import Mount, Service, read_command
from gb10docs.engines.process import EngineProcess
from gb10docs.machine import environments
from gb10docs.models.checkpoints import configuration
from gb10docs.models.checkpoints.documents import BadCheckpoint
from gb10docs.models.checkpoints.files import LocalFiles

SERVER = ("-m", "vllm.entrypoints.openai.api_server")
PLUGIN = Path(__file__).with_name("vllm_plugin")
"""Goes onto vLLM's path on a CPU."""
CACHE_BYTES = 34_952 * 23_040
"""KV cache on a CPU: tokens, and what SmolLM2-135M keeps for each; four requests of 8192 fit."""
_OWN = {"VLLM_RPC_BASE_PATH": ".", "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_COLOR": "0"}
"""Sockets in the working folder, since a path of one has at most 107 characters; no word to anybody outside."""
_KERNEL = re.compile(r"Using (\w+) for NVFP4 GEMM")
_KERNELS = {"DequantizedAtLoadNvFp4LinearKernel": "dequantized at load"}


@dataclass(frozen=True, slots=True)
class Launch:
    """How vLLM is started in place of a service's container."""

    model: Path
    """The checkpoint, where this machine has it."""
    arguments: tuple[str, ...]
    """After the interpreter."""
    variables: dict[str, str]
    changes: tuple[str, ...]
    """What is not as the Compose service says, in words."""


class VllmProcess(EngineProcess):
    """vLLM, answering for a Compose service.

    Args:
        service: What the Compose file says.
        variables: The environment of sessions.
        scratch: Where its log and the service's volumes go.
        package: `ON_CPU` or `ON_GPU`.

    Raises:
        Unavailable: No environment here holds that build.
    """

    def __init__(
        self, service: Service, variables: Mapping[str, str], scratch: Path, *, package: str
    ) -> None:
        python = environments.insist((package,))
        started = launch(service, variables, scratch, package=package)
        self._package, self._checkpoint, self._changes = package, started.model, started.changes
        variables = environments.variables_for(python, sys.executable, variables)
        super().__init__(
            service,
            [python, *started.arguments],
            variables | started.variables,
            scratch / f"{service.name}.log",
        )

    def about(self) -> str:
        """Version, kernel, and what is not as the Compose file says."""
        told = {
            self._package: environments.version(self._package),
            "checkpoint:": quantization(self._checkpoint),
            "kernel:": kernel(self.log.read_text(errors="replace")),
        }
        return "; ".join([*(f"{what} {value}" for what, value in told.items() if value), *self._changes])


def launch(service: Service, variables: Mapping[str, str], scratch: Path, *, package: str) -> Launch:
    """How the build `package` of vLLM is started in place of a service.

    Args:
        service: What the Compose file says.
        variables: Of the session; `${HOME}` in a path is taken from there.
        scratch: Where the service's volumes go.
        package: `ON_CPU` or `ON_GPU`.
    """
    places = [(mount.target, _place(mount, service, variables, scratch)) for mount in service.mounts]
    words = [_mapped(word, places) for word in service.command if word not in {"vllm", "serve"}]
    model = _mapped(read_command(list(service.command)).model, places)
    if words[:1] == [model]:
        words.insert(0, "--model")
    instead = {"--host": ("--host", "127.0.0.1"), "--port": ("--port", str(service.port))}
    if package == ON_CPU:
        instead["--gpu-memory-utilization"] = ("--kv-cache-memory-bytes", str(CACHE_BYTES))
    adapted, changes = _adapted(words, instead)
    if package == ON_CPU:
        adapted.append("--enforce-eager")
        changes.append("--enforce-eager added")
    given = {name: _mapped(value, places) for name, value in service.environment}
    own = {"TMPDIR": str(scratch), **_OWN}
    if package == ON_CPU:
        own["PYTHONPATH"] = str(PLUGIN)
    return Launch(Path(model), (*SERVER, *adapted), given | own, tuple(changes))


def quantization(checkpoint: Path) -> str:
    """The format that a checkpoint declares, `W4A16_NVFP4` say; empty where there is none or none can be read."""
    try:
        return configuration.read(LocalFiles(checkpoint)).declared.word
    except BadCheckpoint:
        return ""


def kernel(log: str) -> str:
    """The kernel that multiplies NVFP4 weights, as vLLM's log names it; empty where it names none."""
    found = _KERNEL.search(log)
    return _KERNELS.get(found[1], found[1]) if found else ""


def _adapted(words: list[str], instead: dict[str, tuple[str, str]]) -> tuple[list[str], list[str]]:
    """The words with some options in another way, and what was changed by that."""
    adapted, changes = [], []
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if flag not in instead:
            adapted.append(word)
            continue
        before, after = (flag, value if equals else next(rest, "")), instead[flag]
        adapted += after
        if before != after:
            changes.append(f"{' '.join(before)} as {' '.join(after)}")
    return adapted, changes


def _place(mount: Mount, service: Service, variables: Mapping[str, str], scratch: Path) -> Path:
    if mount.volume:
        return scratch / "volumes" / service.project / (mount.source or "unnamed")
    return service.file.parent / Template(mount.source).safe_substitute(variables)


def _mapped(word: str, places: list[tuple[str, Path]]) -> str:
    """A path in the container as the path on this machine; any other word as it is."""
    for target, place in places:
        if word == target or word.startswith(f"{target.rstrip('/')}/"):
            return f"{place}{word.removeprefix(target.rstrip('/'))}"
    return word
