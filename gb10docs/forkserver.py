"""A warm Python that forks once for each script. Standard library only: it runs under any interpreter's own site.

Started as `python forkserver.py FD NAME…` with a Unix socket and the modules to import beforehand. A request is one
message, JSON with the script's path, working directory and environment, with three descriptors (stdin, stdout,
stderr); the answers are the child's process id and later its exit status.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import signal
import socket
import sys
import threading
import traceback
import types
from typing import Any


def serve(channel: socket.socket) -> None:
    """Answer requests until the other side closes."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 2**14, 3)
        while message and not message.endswith(b"\n"):
            message += channel.recv(2**14)
        if not message:
            return
        request = json.loads(message)
        program = _compile(request["script"])
        child = os.fork()
        if child == 0:
            channel.close()
            _become(request, program, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        channel.send(f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        channel.send(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _compile(script: str) -> types.CodeType | Exception:
    """Compiled before the fork: each child would pay for the compiler's first pages otherwise."""
    try:
        with open(script, "rb") as file:
            return compile(file.read(), script, "exec")
    except Exception as error:
        return error


def _become(request: dict[str, Any], program: types.CodeType | Exception, descriptors: list[int]) -> None:
    """Turn this child into a fresh interpreter that runs one script; does not return."""
    os.setpgid(0, 0)
    for target, descriptor in enumerate(descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _set_environment(request["environment"])
    script: str = request["script"]
    code = 1
    try:
        os.chdir(request["cwd"])
        code = _run(script, program)
    finally:
        os._exit(code)


def _set_environment(wanted: dict[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _run(script: str, program: types.CodeType | Exception) -> int:
    sys.argv = [script]
    sys.path[0] = os.path.dirname(script)
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = _writer(1)
    sys.stderr = _writer(2)
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__=script, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    code = _execute(program, main)
    return max(code, _finish())


def _writer(descriptor: int) -> io.TextIOWrapper:
    raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace" if descriptor == 2 else "strict",
                            line_buffering=descriptor == 2)


def _execute(program: types.CodeType | Exception, main: types.ModuleType) -> int:
    try:
        if isinstance(program, Exception):
            raise program.with_traceback(None)
        exec(program, main.__dict__)
    except SystemExit as end:
        return _exit_code(end.code)
    except KeyboardInterrupt:
        traceback.print_exc()
        return 130
    except BaseException as error:
        _print_from(error, main.__file__)
        return 1
    return 0


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _print_from(error: BaseException, script: str | None) -> None:
    """The traceback from the script's own frame on, as `python script.py` prints it."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    sys.excepthook(type(error), error.with_traceback(trace), trace)


def _finish() -> int:
    """What an interpreter does at its end, short of tearing every module down."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        with contextlib.suppress(OSError, ValueError):
            print(f"Exception ignored while flushing standard output: {error}", file=sys.stderr)
        return 120
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    for name in sys.argv[2:]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
