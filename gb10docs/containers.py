"""Containers of a Compose service, through the Docker SDK: what runs, from which image, and how it ended."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Any

from gb10docs.compose import Service
from gb10docs.results import Container

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_GRACE = 10
"""Seconds that a container has to end before it is killed."""


def look(service: Service) -> list[Container]:
    """The service's containers, ended ones too; empty where no Docker engine answers."""
    return [_describe(container, service.name) for container in _containers(service)]


def log_tail(service: Service, lines: int = 20) -> str:
    """The last lines that the service's containers logged."""
    return "\n".join(
        container.logs(tail=lines).decode(errors="replace") for container in _containers(service)
    )


def down(file: Path) -> None:
    """`docker compose down` for every profile of a Compose file; if that is cut short, again at once."""
    for grace in (_GRACE, 0):
        command = [
            "docker",
            "compose",
            "--file",
            str(file),
            "--profile",
            "*",
            "down",
            "--timeout",
            str(grace),
        ]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                check=False,
                timeout=grace + 60,
            )
            if done.returncode == 0:
                return


def _containers(service: Service) -> list[Any]:
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=20)
        labels = [f"{_PROJECT}={service.project}", f"{_SERVICE}={service.name}"]
        found: list[Any] = client.containers.list(all=True, filters={"label": labels})
    except DockerException:
        return []
    return found


def _describe(container: Any, service: str) -> Container:
    state = container.attrs["State"]
    image = container.image
    digests = image.attrs.get("RepoDigests") or []
    return Container(
        service=service,
        image=container.attrs["Config"]["Image"],
        digest=digests[0].rpartition("@")[2] if digests else image.id,
        state=state["Status"],
        exit_code=state["ExitCode"] if state["Status"] in {"exited", "dead"} else None,
        oom_killed=bool(state.get("OOMKilled")),
    )
