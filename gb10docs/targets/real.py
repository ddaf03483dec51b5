"""Needs met by the machine itself: what `gb10` and `nvidia` have, and what stays real on `cpu`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from gb10docs import machine
from gb10docs.needs import GRANTED, Need, gigabytes
from gb10docs.pages import Step
from gb10docs.results import StandIn
from gb10docs.targets import Met, Unmet


class Real:
    """A machine that runs the page's own containers and models."""

    def __init__(self, name: str, allow: frozenset[str]) -> None:
        self.name = name
        self._allow = allow

    def meet(self, need: Need, step: Step) -> Met | Unmet:
        """How this machine meets a need that no earlier step meets."""
        if need.kind in GRANTED:
            granted = need.kind in self._allow
            return Met() if granted else Unmet(f"{need.kind}: not granted; pass --allow {need.kind} to run it")
        looks = {
            "docker": lambda _: _docker(),
            "gpu": lambda _: _gpu(),
            "memory": _memory,
            "disk": _disk,
            "network": _network,
            "command": _command,
            "secret": _secret,
        }
        look = looks.get(need.kind)
        return look(need) if look else Unmet(f"{need}: no earlier step that runs supplies it")

    def engine(self, step: Step) -> StandIn | Unmet | None:
        """None: the service itself answers, except on `nvidia`, where containers are not started."""
        if self.name == "nvidia":
            return Unmet("this target does not start the page's engines yet; on a GB10 they run in containers")
        return None

    def model(self, name: str, step: Step) -> StandIn | None:
        """None: the model is the page's own."""
        return None


@cache
def _docker() -> Met | Unmet:
    if not shutil.which("docker"):
        return Unmet("docker: not installed; see lesson-01")
    asked = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, timeout=20, check=False
    )
    return Met() if asked.returncode == 0 and asked.stdout.strip() else Unmet("docker: no Docker engine answers; start it")


def _gpu() -> Met | Unmet:
    return Met() if machine.look().gpu else Unmet("gpu: this machine has no NVIDIA GPU")


def _memory(need: Need) -> Met | Unmet:
    available = machine.memory("MemAvailable")
    if available >= need.size:
        return Met()
    return Unmet(f"memory: {gigabytes(available)} available, {gigabytes(need.size)} needed; stop other servers, drop caches")


def _disk(need: Need) -> Met | Unmet:
    free = shutil.disk_usage(Path.home()).free
    return Met() if free >= need.size else Unmet(f"disk: {gigabytes(free)} free at home, {gigabytes(need.size)} needed")


@cache
def _network(need: Need) -> Met | Unmet:
    try:
        socket.create_connection((need.value, 443), timeout=3.0).close()
    except OSError as error:
        return Unmet(f"network: {need.value} does not answer ({error.strerror or error})")
    return Met()


def search_path() -> str:
    """PATH of a session: the environment that gb10docs is installed in comes first, as if it were active."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _command(need: Need) -> Met | Unmet:
    return Met() if shutil.which(need.value, path=search_path()) else Unmet(f"command: {need.value} is not installed")


def _secret(need: Need) -> Met | Unmet:
    return Met() if os.environ.get(need.value) else Unmet(f"secret: {need.value} is not set")
