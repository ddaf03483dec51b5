"""Needs met by the machine itself: what `gb10` and `nvidia` have, and what stays real on `cpu`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from gb10docs.engines.compose import Service
from gb10docs.machine import extras, hardware
from gb10docs.pages.need import GRANTED, Need, gigabytes
from gb10docs.pages.page import Step
from gb10docs.plan.target import Met, Unmet
from gb10docs.results.result import StandIn
from gb10docs.standins.supply import Order, Supply


class Real:
    """A machine that runs the page's own containers and models."""

    vllm = ""

    def __init__(self, name: str, allow: frozenset[str]) -> None:
        self.name = name
        self.stand_in, self.in_containers = "", False
        self._allow = allow

    def meet(self, need: Need, step: Step, /) -> Met | Unmet:
        """How this machine meets a need that no earlier step meets."""
        if need.kind in GRANTED:
            granted = need.kind in self._allow
            return (
                Met() if granted else Unmet(f"{need.kind}: not granted; pass --allow {need.kind} to run it")
            )
        if need.kind == "gpu":
            return self._gpu()
        if need.kind == "package":
            return _packages(step.snippet.header.packages)
        look = _LOOKS.get(need.kind)
        return look(need) if look else Unmet(f"{need}: no earlier step that runs supplies it")

    def engine(self, _service: Service, /) -> StandIn | Unmet | None:
        """Return None, since the service itself answers, in containers that only the Docker SDK can tell of."""
        lacking = extras.missing("docker")
        return Unmet(f"docker: {lacking}") if lacking else None

    def model(self, _name: str, _step: Step, /) -> StandIn | None:
        """Return None, since the model is the page's own."""
        return None

    def supply(self, _order: Order, /) -> Callable[[], Supply] | None:
        """Nothing stands in on this target, so there is nothing to supply."""
        return None

    def _gpu(self) -> Met | Unmet:
        gpu = hardware.look().gpu
        if not gpu:
            return Unmet("gpu: this machine has no NVIDIA GPU; run it on a GB10")
        if self.name == "gb10" and "GB10" not in gpu:
            return Unmet(f"gpu: this machine has an {gpu}; run it on a GB10")
        return Met()


@cache
def _docker(_need: Need) -> Met | Unmet:
    if not shutil.which("docker"):
        return Unmet("docker: not installed; install Docker Engine with Compose (lesson-01)")
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (subprocess.SubprocessError, OSError):
        return Unmet("docker: no Docker engine answers; start it, or allow yourself to use it (lesson-01)")
    return Met() if asked.stdout.strip() else Unmet("docker: no Docker engine answers; start it")


def _memory(need: Need) -> Met | Unmet:
    available = hardware.memory("MemAvailable")
    if available >= need.size:
        return Met()
    return Unmet(
        f"memory: {gigabytes(available)} available, {gigabytes(need.size)} needed; stop other programs"
    )


def _disk(need: Need) -> Met | Unmet:
    free = shutil.disk_usage(Path.home()).free
    if free >= need.size:
        return Met()
    return Unmet(f"disk: {gigabytes(free)} free at home, {gigabytes(need.size)} needed; make room")


@cache
def _network(need: Need) -> Met | Unmet:
    try:
        socket.create_connection((need.value, 443), timeout=3.0).close()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        return Unmet(f"network: {need.value} does not answer ({why}); run it where that host can be reached")
    return Met()


def search_path() -> str:
    """PATH of a session: the environment that gb10docs is installed in comes first, as if it were active."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _command(need: Need) -> Met | Unmet:
    found = shutil.which(need.value, path=search_path())
    return Met() if found else Unmet(f"command: {need.value} is not installed; install it")


def _packages(packages: tuple[str, ...]) -> Met | Unmet:
    """All in one environment, since that is what runs the step."""
    from gb10docs.machine import environments

    if environments.python_with(packages):
        return Met()
    return Unmet(f"package: {environments.missing(packages)}")


def _secret(need: Need) -> Met | Unmet:
    return (
        Met()
        if os.environ.get(need.value)
        else Unmet(f"secret: {need.value} is not set; set it in the environment")
    )


_LOOKS: dict[str, Callable[[Need], Met | Unmet]] = {
    "docker": _docker,
    "memory": _memory,
    "disk": _disk,
    "network": _network,
    "command": _command,
    "secret": _secret,
}
