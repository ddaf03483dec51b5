"""The client of the stand-in process: starts it, tells it what to answer for, and sees to its end."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gb10docs.errors import NotServed
from gb10docs.machine.hardware import patience
from gb10docs.standins.rules import Service

MODULE = "gb10docs.standins.llamacpp"
START_S = 60.0
ANSWER_S = 15.0
KILL_S = 2.0


class Host:
    """The stand-in process, commanded from here; it ends when this process does, however that ends.

    Args:
        gguf: The weights that answer.
        stderr: The file that its log is appended to.
        env: The environment that it runs in.
    """

    def __init__(self, gguf: Path, *, stderr: Path, env: Mapping[str, str]) -> None:
        self.gguf, self.stderr, self.env = gguf, stderr, dict(env)
        self.failed = False
        """Whether it did not answer, or ended by itself: its log may say why."""
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[dict[str, Any] | None]
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start the process and return at once; the model loads meanwhile."""
        path = [str(Path(__file__).parents[2]), self.env.get("PYTHONPATH", "")]
        env = self.env | {"PYTHONPATH": os.pathsep.join(filter(None, path))}
        with self.stderr.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(self.gguf), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
                text=True,
                start_new_session=True,
            )
        self._answers, self._ready = queue.SimpleQueue(), False
        listening = threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True)
        listening.start()

    def open(self, service: Service) -> None:
        """Answer for a service on its port of 127.0.0.1; raises NotServed if the port is taken."""
        fields = ("service", "engine", "port", "served_name", "model", "max_model_len")
        self._command({"open": {name: getattr(service, name) for name in fields}})

    def close(self, service: str) -> None:
        """Stop answering for a service; its port is closed when this returns."""
        self._command({"close": service})

    def hub(self, repos: Mapping[str, Path]) -> int:
        """Serve checkpoint folders under repository names; returns the port of the hub on 127.0.0.1."""
        answer = self._command({"hub": {"repos": {name: str(folder) for name, folder in repos.items()}}})
        port: int = answer["hub"]
        return port

    def processes(self) -> set[int]:
        """The process, by its number."""
        return {self._process.pid} if self._process else set()

    def stop(self) -> None:
        """End the process, which has nothing to lose; safe to call twice, or without a start."""
        process, self._process = self._process, None
        if process is None:
            return
        self.failed = self.failed or process.poll() is not None
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILL_S)
        assert process.stdin
        with contextlib.suppress(OSError):
            process.stdin.close()

    def _command(self, command: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if self._process is None:
                raise NotServed(f"the stand-in process is not running (log: {self.stderr})")
            if not self._ready:
                self._answer("load the model", patience(START_S))
                self._ready = True
            assert self._process.stdin
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(command) + "\n")
                self._process.stdin.flush()
            answer = self._answer(next(iter(command)), patience(ANSWER_S))
        if "error" in answer:
            raise NotServed(answer["error"])
        return answer

    def _answer(self, what: str, timeout_s: float) -> dict[str, Any]:
        try:
            answer = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self.failed = True
            self.stop()
            message = f"the stand-in process took over {timeout_s:.0f} s to {what}; see {self.stderr}"
            raise NotServed(message) from None
        if answer is None:
            self._answers.put(None)
            self.failed = True
            tail = " | ".join(self.stderr.read_text(errors="replace").splitlines()[-3:])
            raise NotServed(f"the stand-in process ended (log: {self.stderr}): {tail}")
        return answer


def _listen(process: subprocess.Popen[str], answers: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Pass on what the process says, and None when it will say nothing more."""
    assert process.stdout
    with process.stdout as stdout:
        for line in stdout:
            answers.put(json.loads(line))
    answers.put(None)
