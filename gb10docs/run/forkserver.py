"""A warm Python that forks once for each script; standard library only, since it runs under any site.

Started as `python forkserver.py REQUESTS ANSWERS NAME…` with two pipes and the modules to import beforehand. Children
are forked ahead, and each takes one request in its turn: a dictionary with the script's path, its environment, working
directory and umask, and the paths that lead to its standard output and error. The answers are lines. Of the fifth
child: `~5 0` once its script has ended with status 0, `5 0` once its process is gone. A child that leaves next to
nothing behind says the second instead of the first. A script that ends by other means has no first, and the second
comes also of a child that is killed while it waits.

What is imported here is in the memory of every child, and the more of that there is, the longer a fork and an end take:
so little is, and not even contextlib.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_AHEAD = 3
"""Children: while one runs its script, another waits for the next, and a third is getting ready."""
_LITTLE = 2**25
"""Bytes that Linux clears away at once; a bare interpreter has a third of that."""


def serve(requests: int, answers: int) -> None:
    """Answer requests until the other side closes."""
    path = f"/proc/{os.getpid()}/fd/{answers}"
    numbers: dict[int, int] = {}
    turn, number = os.open(os.devnull, os.O_RDONLY), 0
    while True:
        while len(numbers) < _AHEAD:
            number += 1
            child, turn = _fork(number, turn, requests, answers, path)
            numbers[child] = number
        child, status = os.waitpid(-1, 0)
        try:
            os.write(answers, b"%d %d\n" % (numbers.pop(child), os.waitstatus_to_exitcode(status)))
        except OSError:
            return


def _fork(number: int, turn: int, requests: int, answers: int, path: str) -> tuple[int, int]:
    """One more child, whose turn it is once `turn` ends; and what ends as soon as it needs its turn no more."""
    following, taken = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(answers)
        os.close(following)
        _wait_and_run(number, turn, taken, requests, path)
    os.close(turn)
    os.close(taken)
    return child, following


def _wait_and_run(number: int, turn: int, taken: int, requests: int, answers: str) -> None:
    """Turn this child into a fresh interpreter that runs the script it is asked for; does not return."""
    code = 1
    try:
        os.setpgid(0, 0)
        _rehearse()
        os.read(turn, 1)
        os.close(turn)
        request = _request(requests)
        os.close(taken)
        if not request:
            os._exit(0)
        _become(request)
        own = os.getpid()
        code = _run(request["script"])
        if os.getpid() == own:
            _announce(number, code, answers)
    except BaseException as error:  # noqa: BLE001  nothing may return into the parent's code
        sys.__excepthook__(type(error), error, error.__traceback__)
    finally:
        os._exit(code)


def _request(requests: int) -> dict[str, Any]:
    """What the runner wants next; empty where it wants nothing any more."""
    with open(requests, "rb") as pipe:
        try:
            return dict(marshal.load(pipe))  # noqa: S302  the runner has written it
        except EOFError:
            return {}


def _announce(number: int, code: int, answers: str) -> None:
    """Let go of every file and say how the script has ended: the runner looks at it while Linux clears this away."""
    try:
        mark = b"" if _is_light() else b"~"
        os.closerange(0, os.sysconf("SC_OPEN_MAX"))
        os.write(os.open(answers, os.O_WRONLY), b"%s%d %d\n" % (mark, number, code))
    except OSError:
        pass


def _is_light() -> bool:
    """Whether nothing but a little memory is left of this process once its files are closed."""
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123
        after_the_name = file.read().rpartition(b")")[2].split()
    threads, pages = int(after_the_name[17]), int(after_the_name[21])
    return threads == 1 and pages * os.sysconf("SC_PAGE_SIZE") < _LITTLE


def _rehearse() -> None:
    """Run next to nothing: it writes to the pages that all scripts do, and nobody waits yet for Linux to copy them."""
    _error_of(os.devnull)
    exec(compile("print('', end='', flush=True)\n", os.devnull, "exec"), {})  # noqa: S102  ours
    gc.collect()


def _become(request: dict[str, Any]) -> None:
    """Take on the surroundings of a script."""
    for target, path in ((1, request["stdout"]), (2, request["stderr"])):
        descriptor = os.open(path, os.O_WRONLY)
        os.dup2(descriptor, target)
        os.close(descriptor)
    for name in request["unset"]:
        del os.environ[name]
    for name, value in request["set"].items():
        os.environ[name] = value
    os.umask(request["umask"])
    os.chdir(request["cwd"])


def _run(script: str) -> int:
    sys.argv = [script]
    sys.orig_argv = [sys.executable, script]
    if not sys.flags.safe_path:
        sys.path.insert(0, script.rpartition("/")[0])
    code = _execute(script)
    return _finish() or code


def _execute(script: str) -> int:
    error = _error_of(script)
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        return _exit_code(error.code)
    _show(error, script)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _error_of(script: str) -> BaseException | None:
    """Run the script as the main module; what it raised, if anything."""
    main = sys.modules["__main__"] = type(sys)("__main__")
    main.__dict__.update(
        __file__=script, __cached__=None, __annotations__={}, __builtins__=sys.modules["builtins"]
    )
    try:
        with open(script, "rb") as file:  # noqa: PTH123  pathlib is not imported for scripts that do without
            program = compile(file.read(), script, "exec", dont_inherit=True)
        exec(program, main.__dict__)  # noqa: S102  it is what we are for
    except BaseException as error:  # noqa: BLE001  the caller looks at it
        return _of_script(error, script)
    return None


def _of_script(error: BaseException, script: str) -> BaseException:
    """The same, its traceback from the script's own frame on, as `python script.py` prints it."""
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    return error.with_traceback(trace)


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    _print(code)
    return 1


def _show(error: BaseException, script: str) -> None:
    broken = None
    try:
        sys.excepthook(type(error), error, error.__traceback__)
    except BaseException as problem:  # noqa: BLE001  a hook may raise anything
        broken = _of_script(problem, script)
    if broken:
        _print("Error in sys.excepthook:")
        sys.__excepthook__(type(broken), broken, broken.__traceback__)
        _print("\nOriginal exception was:")
        sys.__excepthook__(type(error), error, error.__traceback__)


def _print(text: object) -> None:
    try:  # noqa: SIM105
        print(text, file=sys.stderr)
    except (OSError, ValueError, AttributeError):
        pass


def _finish() -> int:
    """Do what an interpreter does at its end, short of clearing modules: 0, or 120 if output was lost."""
    threading = sys.modules.get("threading")
    if threading:
        threading._shutdown()
    atexit._run_exitfuncs()
    lost = _flush(sys.stdout)
    main = vars(sys.modules.pop("__main__"))
    if not threading or threading.active_count() == 1:
        main.update(dict.fromkeys(main.keys() - {"__builtins__"}))
    gc.collect()
    return lost or max(_flush(sys.stdout), _flush(sys.stderr))


def _flush(stream: Any) -> int:
    """Flush one of the standard streams, unless the script has closed or removed it."""
    try:
        if stream is not None and not stream.closed:
            stream.flush()
    except Exception as error:  # noqa: BLE001  a script may put anything in its place
        _print(f"Exception ignored in: {stream!r}\n{type(error).__name__}: {error}")
        return 120
    return 0


def _prepare(names: list[str]) -> None:
    """Import what scripts will want, and keep the garbage collector from touching it in every child."""
    del sys.path[0]
    for name in names:
        try:  # noqa: SIM105
            __import__(name)
        except ImportError:
            pass
    compile("", "", "exec")  # sets up the compiler, which every child would do for itself
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _prepare(sys.argv[3:])
    serve(int(sys.argv[1]), int(sys.argv[2]))
