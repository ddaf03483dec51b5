"""Containers of a Compose service, through the Docker SDK: what runs, from which image, and how it ended."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from gb10docs.engines.compose import Service
from gb10docs.machine import extras, processes
from gb10docs.machine.processes import Alarm
from gb10docs.results.result import Container

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_ANSWER = 20
"""Seconds that the engine has to answer."""
_GRACE = 10
"""Seconds that a container has to end before it is killed."""
LABEL = "gb10docs.run"
"""On every container, network and volume of a run's stand-ins; its value is the run's id."""
_REMOVAL = 60.0
"""Seconds in which the engine has to remove what a run has left."""
T = TypeVar("T")


@contextlib.contextmanager
def engine(timeout: int = _ANSWER) -> Iterator[Any]:
    """The Docker engine that `docker` on the command line talks to; raises DockerException."""
    import docker
    from docker.errors import DockerException

    try:
        with contextlib.closing(docker.from_env(timeout=timeout)) as client:
            yield client
    except OSError as error:
        raise DockerException(str(error)) from error


def answers() -> bool:
    """Whether a Docker engine answers."""
    from docker.errors import DockerException

    try:
        with engine() as client:
            return bool(client.ping())
    except DockerException:
        return False


def look(service: Service) -> list[Container]:
    """The service's containers, ended ones too; empty where no Docker engine answers."""
    return _each(service, partial(_describe, service.name))


def log_tail(service: Service, lines: int = 20) -> str:
    """The last lines that the service's containers logged."""
    return "\n".join(_each(service, lambda one: str(one.logs(tail=lines).decode(errors="replace"))))


def down(file: Path, signals: Alarm | None = None) -> None:
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
        alarm = signals if grace else None
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return
        end = time.monotonic() + grace + 60
        while process.poll() is None and time.monotonic() < end and not (alarm and alarm.pending):
            processes.wait([process.pid], end, alarm)
        if process.poll() is None:
            process.kill()
        if process.wait() == 0:
            return


def remove_run(run: str, signals: Alarm | None = None) -> bool:
    """Remove every container, network and volume that carries a run's label; False where some may be left.

    It is asked again and again, since the engine may still be making what a client that is no more has asked for.
    """
    if extras.missing("docker"):
        return False
    from docker.errors import APIError, DockerException

    end = time.monotonic() + _REMOVAL
    try:
        with engine() as client:
            while found := _labelled(client, run):
                for remove in found:
                    with contextlib.suppress(APIError):
                        remove()
                if time.monotonic() > end or (signals and signals.pending):
                    return False
    except DockerException:
        return False
    return True


def _labelled(client: Any, run: str) -> list[Callable[[], None]]:
    """How to remove what carries a run's label: containers first, since networks and volumes are in their use."""
    of_run = {"label": f"{LABEL}={run}"}
    found = client.containers.list(all=True, filters=of_run, ignore_removed=True)
    unused = [*client.networks.list(filters=of_run), *client.volumes.list(filters=of_run)]
    return [*(partial(one.remove, force=True, v=True) for one in found), *(one.remove for one in unused)]


def _each(service: Service, tell: Callable[[Any], T]) -> list[T]:
    """What is to be told of each container of a service, by an engine that answers."""
    from docker.errors import DockerException

    labels = [f"{_PROJECT}={service.project}", f"{_SERVICE}={service.name}"]
    try:
        with engine() as client:
            found = client.containers.list(all=True, filters={"label": labels}, ignore_removed=True)
            return [tell(container) for container in found]
    except DockerException:
        return []


def _describe(service: str, container: Any) -> Container:
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
