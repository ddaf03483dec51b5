"""An engine as a process of a run: started in a group of its own, watched, and ended with all of its group."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from gb10docs.engines.compose import Service
from gb10docs.machine import processes
from gb10docs.results.result import Container


class EngineProcess:
    """A server that answers for a Compose service; it loads its model while this returns.

    Args:
        service: Its name and port.
        command: The interpreter and its arguments.
        environment: All of it.
        log: The file that it writes to; it works in that file's folder.
    """

    def __init__(
        self, service: Service, command: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self.name, self.port, self.log = service.name, service.port, log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=log.parent,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def about(self) -> str:
        """What is running, for the evidence, once it is ready."""
        raise NotImplementedError

    def dead(self) -> str:
        """It has ended."""
        code = self._process.poll()
        return "" if code is None else f"it exited with status {code}"

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def describe(self) -> list[Container]:
        """Return no container, since it is a process."""
        return []

    def stop(self) -> None:
        """Its port is closed when this returns, and its helpers are gone."""
        processes.stop(lambda: processes.group(self._process.pid))
        self._process.wait()
