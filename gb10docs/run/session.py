"""A session: one persistent bash that steps run in, one after the other, as a reader's terminal would.

The runner sends bash one line a step through a pipe that only bash reads, and bash answers through a second
one; the snippet's own streams are two more, made anew for each step. Nothing of it is inherited by what the
snippet starts. `driver.bash` holds the bash half.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from gb10docs.machine import processes
from gb10docs.machine.hardware import patience
from gb10docs.run import CannotRun
from gb10docs.run.execution import KILLED, Execution, ExitResult, Failure
from gb10docs.run.shell_context import ShellContext, shell_context
from gb10docs.run.streams import Capture, Pump, path_of

_DRIVER = Path(__file__).with_name("driver.bash")


class Session:
    """A shell that steps run in; a fresh one is started when the last has ended."""

    def __init__(self, cwd: Path, environment: Mapping[str, str], pump: Pump) -> None:
        self._cwd = cwd
        self._environment = environment
        self._pump = pump
        self._shell: _Shell | None = None
        self._known: ShellContext | None = None

    def begin(self, copy: str, stdout: Capture, stderr: Capture, *, tells: bool = False) -> BashExecution:
        """Start the frozen copy of a snippet; at its end bash `tells` its surroundings, to save asking for them.

        Raises:
            CannotRun: A foreground server runs in it.
        """
        shell = self._idle_shell()
        self._known, shell.told = None, b""
        if shell.tracing:
            text = Path(copy).read_text(encoding="utf-8")
            Path(copy).write_text(f"set -{shell.tracing}; {text}", encoding="utf-8")
        running = BashExecution(shell, self._pump, stdout, stderr)
        out, err = running.paths()
        source = f"{{ \\builtin . {shlex.quote(copy)};}}</dev/null >{out} 2>{err}"
        told = f";{shell.tell()}" if tells else ""
        shell.send(f"__gb_arm;{source}\n{_REPORT}{told}")
        shell.running = running
        return running

    def surroundings(self) -> ShellContext:
        """What a Python step inherits from the shell.

        Raises:
            CannotRun: A foreground server runs in it.
            CannotRun: The shell does not answer.
        """
        shell = self._idle_shell()
        if self._known is None:
            if not shell.told:
                shell.send(shell.tell())
                self._listen(shell)
                if shell.ended:
                    self._lost()
            self._known = shell_context(shell.told, shell.pid)
        return self._known

    def _listen(self, shell: _Shell) -> None:
        """Wait until the shell has told its surroundings, if it has been let."""
        if shell.tells and not self._pump.run(shell.has_told, time.monotonic() + patience(_ANSWER_S)):
            self._lost()

    def _lost(self) -> NoReturn:
        self.close()
        raise CannotRun("the bash session does not answer: an earlier step has changed it beyond use")

    def close(self, *, interrupt: bool = False) -> None:
        """End the shell and whatever is in its process group."""
        if self._shell:
            self._shell.close(interrupt=interrupt)
            self._shell = self._known = None

    def _idle_shell(self) -> _Shell:
        if self._shell and self._shell.running:
            raise CannotRun(
                "its session is busy with a server that still runs there: give the step another session"
            )
        if self._shell:
            self._listen(self._shell)
        if self._shell and self._shell.ended:
            self.close()
        if self._shell is None:
            self._shell = _Shell(self._cwd, self._environment, self._pump)
        return self._shell


class _Shell:
    """One bash process, and the two pipes that lead to it and back."""

    def __init__(self, cwd: Path, environment: Mapping[str, str], pump: Pump) -> None:
        self._pump = pump
        self._open: list[int] = []
        try:
            self._script_read, self._script = self._pipe()
            self._answer_read, self._answer_write = self._pipe()
            self._told_read, self._told_write = self._pipe()
            self._process = _bash(path_of(self._script_read), cwd, environment)
            self.pid = self._process.pid
            self._alive = os.pidfd_open(self.pid)
            self._open.append(self._alive)
        except BaseException:
            self._close_all()
            raise
        os.set_blocking(self._answer_read, False)
        os.set_blocking(self._told_read, False)
        self.running: BashExecution | None = None
        """The step that has not ended yet."""
        self.told = b""
        """Its surroundings as they are since the last step, once it has told them."""
        self.tells = False
        """Whether it has been let tell its surroundings and is not done."""
        self._answer = b""
        self.tracing = ""
        """Which of `x` and `v` the last step left on; they are off between steps."""
        pump.watch(self._alive)
        pump.watch(self._answer_read)
        self.send(f". {shlex.quote(str(_DRIVER))} {path_of(self._answer_write)} {path_of(self._told_write)}")
        if "BASH_ENV" in environment:
            self.send(f"export BASH_ENV={shlex.quote(environment['BASH_ENV'])}")

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.poll() is not None

    def send(self, line: str) -> None:
        """Let bash read a line."""
        os.write(self._script, f"{line}\n".encode())

    def has_reported(self) -> bool:
        """Whether the step's ending has come; the shell's end counts as one."""
        return self._answered(_RECORDS) or self._is_speechless() or self._answered(_RECORDS)

    def tell(self) -> str:
        """What lets bash tell its surroundings, and answer with one record once it has."""
        self.tells = True
        return "__gb_tell"

    def has_told(self) -> bool:
        """Whether its surroundings have come; the shell's end counts as one."""
        told = self._answered(1)
        self.told += self._read(self._told_read)
        if told:
            self.tells, self._answer = False, b""
        return told

    def _answered(self, records: int) -> bool:
        self._answer += self._read(self._answer_read)
        if self._answer.count(b"\0") >= records:
            return True
        if not self.ended:
            return False
        self._answer += self._read(self._answer_read)
        return True

    def _is_speechless(self) -> bool:
        """Whether bash has done all that it was sent and has not answered: it never will.

        Linux tells in which system call a process waits, and that is a read of the pipe that it is sent lines by.
        Where it does not tell, such as under an emulator, the step's timeout has to do.
        """
        try:
            call, descriptor, *_ = Path(f"/proc/{self.pid}/syscall").read_text(encoding="ascii").split()
            if call != _READ_CALL or not self._open:
                return False
            read = Path(f"/proc/{self.pid}/fd/{int(descriptor, 16)}").stat().st_ino
        except (OSError, ValueError):
            return False
        sent = select.poll()
        sent.register(self._script_read, select.POLLIN)
        return read == os.fstat(self._script).st_ino and not sent.poll(0) and not self._answered(_RECORDS)

    def _read(self, descriptor: int) -> bytes:
        """What a pipe holds now."""
        try:
            return os.read(descriptor, _CHUNK) if self._open else b""
        except BlockingIOError:
            return b""

    def take_ending(self) -> ExitResult:
        """What bash has reported of the step that has ended, or how bash itself ended."""
        self.running = None
        *records, self._answer = self._answer.split(b"\0", _RECORDS)
        if len(records) < _RECORDS:
            if not self.ended:
                self.close(interrupt=True)
                return ExitResult(KILLED.exit_code, closed=True, speechless=True)
            code = self._process.wait()
            return ExitResult(128 - code if code < 0 else code, closed=True)
        trap, status, flags, options, failures, through = (
            record.decode(errors="replace") for record in records
        )
        if not status.isdecimal() or not _FAILURES.fullmatch(failures):
            # Somebody else has written into our pipe, and no answer of this shell can be believed any more.
            self.close(interrupt=True)
            return ExitResult(KILLED.exit_code, closed=True, guard_removed=True)
        self.tracing = "".join(flag for flag in "xv" if flag in flags)
        armed = "__gb_failed" in trap and {"errtrace", "pipefail"} <= set(options.split(":"))
        found = tuple(_failures(failures))
        return ExitResult(
            int(status),
            found,
            guard_removed=not armed,
            strict="e" in flags,
            given_up=int(status) != 0 and through == "0" and not found,
        )

    def close(self, *, interrupt: bool = False) -> None:
        """End it: by the end of its input, at which it runs its EXIT trap, or else by signals."""
        if not self._open:
            return
        self._open.remove(self._script)
        os.close(self._script)
        try:
            if self.running is None and not interrupt:
                self._pump.linger(lambda: self.ended, processes.GRACE)
            self._pump.stop(lambda: processes.group(self.pid), interrupt=interrupt)
            # A process that Linux cannot end, such as one that waits for a broken device, is not waited for.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(processes.GRACE)
        finally:
            self._pump.forget(self._alive)
            self._pump.forget(self._answer_read)
            self._close_all()

    def _pipe(self) -> tuple[int, int]:
        ends = os.pipe()
        self._open += ends
        return ends

    def _close_all(self) -> None:
        while self._open:
            os.close(self._open.pop())


def _bash(script: str, cwd: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A bash that reads a pipe; BASH_ENV is for those that its snippets start, not for itself.

    Raises:
        CannotRun: There is none.
    """
    variables = {name: value for name, value in environment.items() if name != "BASH_ENV"}
    try:
        return subprocess.Popen(
            ["bash", "--noprofile", "--norc", script],
            cwd=cwd,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise CannotRun("there is no `bash` on the PATH: install it, or name its folder in PATH") from error


class BashExecution(Execution):
    """A step that runs in a session."""

    def __init__(self, shell: _Shell, pump: Pump, stdout: Capture, stderr: Capture) -> None:
        super().__init__(pump, stdout, stderr)
        self._shell = shell

    def paths(self) -> list[str]:
        """Where bash finds the two pipes that it is to write into."""
        return [path_of(write) for write in self._writes]

    def _has_ended(self) -> bool:
        """Bash has reported, or is no more."""
        return self._shell.has_reported()

    def _take_ending(self) -> ExitResult:
        """Take the ending as bash has reported it."""
        return self._shell.take_ending()

    def _make_end(self) -> None:
        """End the shell with it."""
        self._shell.close(interrupt=True)
        self._shell.running = None


def _failures(text: str) -> list[Failure]:
    found = []
    for line in text.splitlines():
        number, part, parts, file = line.split(" ", 3)
        found.append(Failure(int(number) if number.isdecimal() else 0, int(part), int(parts), file))
    return found


_READ_CALL = {"x86_64": "0", "aarch64": "63"}.get(os.uname().machine, "")
"""Linux's number of `read`, as /proc/PID/syscall writes it."""
_CHUNK = 2**16
"""Bytes of a read: as much as a pipe holds."""
_ANSWER_S = 10.0
_RECORDS = 6
"""What bash reports of a step: ERR trap, exit status, flags, options, where it failed, whether it came to its end."""
_FAILURES = re.compile(r"(?:\d+ \d+ \d+ [^\n]*\n)*")
_REPORT = (
    '{ __gb_report;} {__gb_copy}>&"$((__gb_ended<0?__gb_ended=$?:0,__gb_fd=${BASH_XTRACEFD:-2}))"'
    " {BASH_XTRACEFD}>|/dev/null||__gb_untraced"
)
"""What bash reads after a snippet, letter by letter, hence the short names; `driver.bash` says what the redirections
are for. It is a line of its own: at some errors (`${a[1/0]}`) bash gives up the file and the line that reads it."""
