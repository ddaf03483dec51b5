"""Python steps: each as `python script.py` would run it, forked from a warm interpreter or started anew."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from driving import Python, outcomes, run

from gb10docs.machine import processes
from gb10docs.privacy.redactor import Redactor
from gb10docs.results.result import StepResult
from gb10docs.run.execution import Execution
from gb10docs.run.python import Scripts
from gb10docs.run.shell_context import ShellContext
from gb10docs.run.streams import Capture, Pump

COLD = "export PYTHONSTEPS=started-anew\n"
"""A variable whose name begins with PYTHON keeps the warm interpreter out of it."""

SCRIPTS = {
    "prints": "print('out')\nimport sys\nprint('err', file=sys.stderr)\n",
    "binary": "import os\nos.write(1, bytes([0, 255, 10, 65]))\n",
    "no newline": "import sys\nsys.stdout.write('end')\n",
    "exit code": "import sys\nsys.exit(7)\n",
    "exit negative": "raise SystemExit(-3)\n",
    "exit text": "print('a')\nraise SystemExit('no such thing')\n",
    "exit tuple": "raise SystemExit(('a', 1))\n",
    "exit none": "raise SystemExit\n",
    "exit true": "raise SystemExit(True)\n",
    "exception": "def f(x):\n    return 1 / x\n\nf(0)\n",
    "chained": "try:\n    {}['key']\nexcept KeyError as error:\n    raise ValueError('bad') from error\n",
    "context": "try:\n    {}['key']\nexcept KeyError:\n    raise ValueError('bad')\n",
    "group": "raise ExceptionGroup('many', [ValueError(1), KeyError('k')])\n",
    "recursion": "def f(): f()\ntry:\n    f()\nexcept RecursionError:\n    print('deep')\n",
    "syntax": "print('never')\nif True\n    pass\n",
    "bad indent": "if True:\n        a = 1\n    b = 2\n",
    "null byte": "x = '\\x00'\nprint(repr(x))\n",
    "syntax warning": "x = 1\nprint(x is 1)\n",
    "runtime warning": "import warnings\nwarnings.warn('careful')\n",
    "keyboard interrupt": "raise KeyboardInterrupt\n",
    "threads": "import threading\nsaid = threading.Event()\n\ndef work():\n    said.wait()\n    print('thread')\n\n"
    "threading.Thread(target=work).start()\nprint('main')\nsaid.set()\n",
    "daemon thread": "import threading\ngo = threading.Event()\n"
    "threading.Thread(target=go.wait, daemon=True).start()\n",
    "thread exception": "import threading\nthread = threading.Thread(target=lambda: 1 / 0, name='T')\n"
    "thread.start()\nthread.join()\n",
    "pool": "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\n"
    "print(list(pool.map(abs, [-1, -2])))\n",
    "atexit": "import atexit\natexit.register(print, 'first registered')\n"
    "atexit.register(print, 'last registered')\n",
    "atexit fails": "import atexit\natexit.register(lambda: 1 / 0)\nprint('x')\n",
    "_exit": "import os\nprint('lost')\nos._exit(5)\n",
    "killed": "import os, signal\nprint('lost')\nos.kill(os.getpid(), signal.SIGKILL)\n",
    "terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n",
    "closed stdout": "import sys\nprint('kept')\nsys.stdout.close()\n",
    "closed descriptor": "import os\nprint('lost')\nos.close(1)\n",
    "no stdout": "import sys\nsys.stdout = None\nprint('nothing')\n",
    "replaced stdout": "import io, sys\nsys.stdout = io.StringIO()\nprint('nowhere')\n",
    "main guard": "def main():\n    print(__name__, __doc__, __package__, __spec__)\n\n"
    "if __name__ == '__main__':\n    main()\n",
    "docstring": "'''Says this.'''\nprint(__doc__)\n",
    "arguments": "import os, sys\n"
    "print(sys.argv[1:], os.path.basename(sys.argv[0]), sys.argv[0] == __file__)\n",
    "path": "import os, sys\nprint(sys.path[0] == os.path.dirname(__file__), len(sys.path))\n",
    "stdin": "import sys\nprint(repr(sys.stdin.read()), repr(sys.stdin.encoding), sys.stdin.isatty())\n",
    "input": "input('name? ')\n",
    "streams": "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr, sys.__stdout__):\n"
    "    print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through, s.fileno())\n"
    "print(sys.stdout is sys.__stdout__)\n",
    "annotations": "def f(x: int) -> str: ...\nprint(f.__annotations__)\n",
    "flags": "import sys\nprint(sys.flags, sys.executable, sys.prefix, len(sys.orig_argv))\n",
    "globals": "print(sorted(globals()))\n",
    "pickle": "import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))) is A)\n",
    "source": "import inspect\ndef f():\n    return 1\nprint(inspect.getsource(f))\n",
    "unclosed file": "f = open('written', 'w')\nf.write('text')\n",
    "unclosed file and functions": "f = open('written', 'w')\nf.write('text')\ndef later(): return f\n",
    "daemon thread and a slow destructor": "import threading, time\nn = 0\ndef work():\n    global n\n"
    "    while True: n = n + 1\nclass A:\n    def __del__(self, sleep=time.sleep): sleep(0.1)\n"
    "a = A()\na.me = a\nthreading.Thread(target=work, daemon=True).start()\n",
    "busy daemon thread": "import threading\nn = 0\ndef work():\n    global n\n    while True: n = n + 1\n"
    "threading.Thread(target=work, daemon=True).start()\nprint('end')\n",
    "destructor": "class A:\n    def __del__(self):\n        print('gone')\na = A()\n",
    "weak finalizer": "import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'finalized')\n",
    "temporary folder": "import tempfile\nd = tempfile.TemporaryDirectory()\nprint('made')\n",
    "excepthook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[0].__name__)\n1 / 0\n",
    "broken excepthook": "import sys\ndef hook(*a):\n    raise TypeError('hook')\nsys.excepthook = hook\n"
    "print('kept')\n1 / 0\n",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    print('async')\n"
    "asyncio.run(f())\n",
    "forks": "import os, sys\nif os.fork():\n    os.wait()\n    print('parent')\n    sys.exit(3)\nprint('child')\n",
    "subprocess": "import subprocess\nsubprocess.run(['echo', 'child'])\n",
    "umask and directory": "import os\nprint(oct(os.umask(0)), os.getcwd() == os.environ['PWD'])\n",
    "random": "import random\nprint(0 <= random.random() < 1)\n",
    "logging": "import logging\nlogging.warning('careful')\n",
    "dont write": "import sys\nprint(sys.dont_write_bytecode)\n",
    "signals": "import signal\nprint(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGPIPE))\n",
    "multiprocessing": "import multiprocessing as m\n\ndef square(x):\n    return x * x\n\n"
    "if __name__ == '__main__':\n"
    "    for way in ('fork', 'spawn'):\n        with m.get_context(way).Pool(2) as pool:\n"
    "            print(way, pool.map(square, [2, 3]))\n",
}


def compared(step: StepResult) -> tuple[object, ...]:
    """What must be the same of two runs of a script, but for how a Python calls a stream that it cannot flush."""
    stderr = re.sub("0x[0-9a-f]+", "0x", step.stderr)
    stderr = re.sub("(?m)^Exception ignored .*:.*$", "Exception ignored", stderr)
    return step.outcome, step.exit_code, step.stdout, stderr, step.reason


@pytest.mark.parametrize("name", SCRIPTS)
def test_forked_script_does_what_a_started_one_does(tmp_path: Path, name: str) -> None:
    """The same script, forked and started anew, with the same streams, exit code and files."""
    found = []
    for way, first in (("forked", "true\n"), ("started", COLD)):
        root = tmp_path / way
        root.mkdir()
        _, step = run(root, first, Python(SCRIPTS[name]))
        found.append((*compared(step), (root / "written").read_text() if (root / "written").exists() else ""))
    assert found[0] == found[1]


def test_traceback_is_of_the_script_alone(tmp_path: Path) -> None:
    (step,) = run(tmp_path, Python(SCRIPTS["exception"]))
    without_marks = re.sub(r"^ *[~^]+\n", "", step.stderr, flags=re.MULTILINE)
    assert without_marks == (
        'Traceback (most recent call last):\n  File "snippets/s1.py", line 4, in <module>\n    f(0)\n'
        '  File "snippets/s1.py", line 2, in f\n    return 1 / x\n'
        "ZeroDivisionError: division by zero\n"
    )
    assert step.reason == "snippets/s1.py: exited with status 1"


def test_each_script_is_fresh(tmp_path: Path) -> None:
    """Neither modules, nor variables, directory, environment, nor hooks pass from script to script."""
    steps = run(
        tmp_path,
        Python(
            "import os, sys, builtins\nx = 1\nbuiltins.x = 2\nsys.modules['fake'] = sys\n"
            "os.environ['A'] = 'b'\nos.chdir('/')\n"
        ),
        Python(
            "import os, sys\n"
            "print('x' in globals(), 'fake' in sys.modules, 'A' in os.environ, os.getcwd())\nx\n"
        ),
    )
    assert steps[1].stdout == "False False False .\n"
    assert "NameError" in steps[1].stderr


def test_exports_are_those_of_the_moment(tmp_path: Path) -> None:
    script = Python("import os\nprint(os.environ.get('A'), os.environ.get('B'))\n")
    steps = run(
        tmp_path, "export A=1 B=1\n", script, script, "A=2; unset B\n", script, "export -n A\n", script
    )
    assert [step.stdout for step in steps if step.language == "python"] == [
        "1 1\n",
        "1 1\n",
        "2 None\n",
        "None None\n",
    ]


def test_umask_is_the_session_s(tmp_path: Path) -> None:
    script = Python("import os\nprint(oct(os.umask(0)))\n")
    steps = run(tmp_path, "umask 027\n", script, COLD, script, "umask\n")
    assert [step.stdout for step in steps] == ["", "0o27\n", "", "0o27\n", "0027\n"]


def test_forks_are_of_one_parent_and_others_are_not(tmp_path: Path) -> None:
    """The fast way is taken where it can be, and only there."""
    script = Python(
        "import os\nprint(open(f'/proc/{os.getppid()}/cmdline').read().split('\\0')[1].rpartition('/')[2])\n"
    )
    steps = run(tmp_path, script, script, "export PYTHONSTEPS=1\n", script, "unset PYTHONSTEPS\n", script)
    found = [step.stdout.strip() for step in steps if step.language == "python"]
    assert found[:2] == ["forkserver.py"] * 2
    assert found[2] != "forkserver.py"
    assert found[3] == "forkserver.py"


def test_variables_that_a_starting_interpreter_reads_are_heeded(tmp_path: Path) -> None:
    script = Python("import sys\nprint(sys.flags.optimize, sys.stdout.encoding, sys.path[1] == '/extra')\n")
    steps = run(tmp_path, "export PYTHONOPTIMIZE=2 PYTHONIOENCODING=latin-1 PYTHONPATH=/extra\n", script)
    assert steps[1].stdout == "2 iso8859-1 True\n"


def test_package_installed_by_an_earlier_step_is_seen(tmp_path: Path) -> None:
    """The warm interpreter of an activated environment looks again once something is installed."""
    steps = run(
        tmp_path,
        f"{shlex.quote(sys.executable)} -m venv --without-pip env\n. env/bin/activate\n",
        Python("import sys, os\nprint(os.path.relpath(sys.prefix))\nimport lately\n"),
        "site=$(python -c 'import site; print(site.getsitepackages()[0])')\n"
        "mkdir src; echo 'x = 42' >src/lately.py; echo $PWD/src >$site/editable.pth\n",
        Python("import lately\nprint(lately.x)\n"),
    )
    assert steps[1].stdout == "env\n"
    assert "No module named 'lately'" in steps[1].stderr
    assert outcomes(steps)[2:] == ["passed", "passed"]
    assert steps[3].stdout == "42\n"


def test_another_interpreter_is_started_anew(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "python"
    fake.write_text('#!/bin/sh\necho "another python runs $(basename $1)"\n')
    fake.chmod(0o755)
    steps = run(tmp_path, f"PATH={tmp_path}/bin:$PATH\n", Python("print(1)\n"))
    assert steps[1].stdout == "another python runs s2.py\n"


def test_python_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    steps = run(
        tmp_path,
        "PATH=/nowhere\n",
        Python("print(1)\n"),
        f"PATH={tmp_path}:/usr/bin:/bin; echo broken >python; chmod +x python\n",
        Python("print(2)\n"),
    )
    assert outcomes(steps) == ["passed", "failed", "passed", "failed"]
    assert "the session has no `python`" in steps[1].reason
    assert "cannot be started: Exec format error" in steps[3].reason


def test_script_times_out_and_the_next_one_runs(tmp_path: Path) -> None:
    """Forked or started anew; the first rung, SIGINT, is enough for a script that does not catch it."""
    table = '# /// script\n# [tool.gb10docs]\n# timeout = "0.3s"\n# ///\n'
    hang = Python(table + "import threading\nprint('begun', flush=True)\nthreading.Event().wait()\n")
    steps = run(tmp_path, hang, Python("print('next')\n"), COLD, hang, Python("print('next')\n"))
    assert outcomes(steps) == ["failed", "passed", "passed", "failed", "passed"]
    for step in (steps[0], steps[3]):
        assert "not done after its timeout of 0.3 s, so it was stopped" in step.reason
        assert step.stdout == "begun\n"
        assert step.stderr.endswith("KeyboardInterrupt\n")
        assert step.exit_code is None


def test_warm_interpreter_that_is_killed_fails_one_step_only(tmp_path: Path) -> None:
    steps = run(
        tmp_path,
        Python(
            "import os, signal\nparent = os.getppid()\nos.kill(parent, signal.SIGKILL)\n"
            "while os.getppid() == parent: pass\n"
        ),
        Python("print('ok')\n"),
    )
    assert steps[0].outcome == "failed"
    assert steps[1].stdout == "ok\n"


@pytest.mark.parametrize(("at", "how"), [(0, "KILL"), (-1, "KILL"), (0, "INT")])
def test_child_that_ends_while_it_waits_is_not_taken_for_a_script(tmp_path: Path, at: int, how: str) -> None:
    """Linux may kill any that was forked ahead: no script fails for it."""
    steps = run(
        tmp_path,
        Python("import os\nopen('pids', 'w').write(f'{os.getpid()} {os.getppid()}')\n"),
        'read -r own parent <pids || true\nwhile [ -e "/proc/$own" ]; do :; done\n'
        'children="/proc/$parent/task/$parent/children"\n'  # the oldest first
        f'until read -ra forked <"$children" || [[ ${{forked:-}} ]]; do :; done\nchild=${{forked[{at}]}}\n'
        f'while kill -{how} "$child"; do for _ in {{1..1000}}; do [ ! -e "/proc/$child" ] || :; done; done\n',
        Python("print('ok')\n"),
        Python("print('and the next')\n"),
    )
    assert outcomes(steps) == ["passed"] * 4
    assert [step.stdout for step in steps[2:]] == ["ok\n", "and the next\n"]


def test_answer_for_a_killed_child_is_no_answer_of_the_next_script(tmp_path: Path) -> None:
    """Killed once it was asked, before it read that: its script fails, and the next is run and judged by itself.

    Another child has read it instead, and does not live on.
    """
    pump = Pump()
    scripts = Scripts(pump, os.environ, [])
    around = ShellContext("/", 0o022, sys.executable, os.environ)
    outputs: list[list[Capture]] = []

    def begin(text: str) -> Execution:
        script = tmp_path / f"{len(outputs)}.py"
        script.write_text(text)
        outputs.append([Capture(Redactor({}), str) for _ in range(2)])
        return scripts.begin(str(script), around, *outputs[-1])

    def end(execution: Execution) -> int:
        assert pump.run(execution.done, time.monotonic() + 10)
        return execution.ending().exit_code

    try:
        assert end(begin("import os\nprint(os.getpid())")) == 0
        scripts.settle()
        assert scripts._warm
        warm, first = scripts._warm.process.pid, int(outputs[0][0].text())
        pid_max = int(Path("/proc/sys/kernel/pid_max").read_text())
        assert pump.run(lambda: bool(processes.children(warm) - {first}), time.monotonic() + 10)
        child = min(processes.children(warm) - {first}, key=lambda pid: (pid - first) % pid_max)
        os.kill(child, signal.SIGSTOP)
        state = Path(f"/proc/{child}/stat")
        assert pump.run(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", time.monotonic() + 10)
        asked = begin(f"import os, signal\nos.mkdir('{tmp_path}/' + str(os.getpid()))\nsignal.pause()")
        os.kill(child, signal.SIGKILL)
        assert pump.run(lambda: any(map(Path.is_dir, tmp_path.iterdir())), time.monotonic() + 10)
        assert end(asked) == 128 + signal.SIGKILL
        assert end(begin("import sys\nprint('third')\nsys.exit(3)")) == 3
        (astray,) = filter(Path.is_dir, tmp_path.iterdir())
        assert pump.run(lambda: not processes.alive(int(astray.name)), time.monotonic() + 10)
    finally:
        scripts.close()
        pump.close()
    assert [out.text() for out, _ in outputs[1:]] == ["", "third\n"]


LOOK = 'if [ -e "/proc/$(< pid)" ]; then echo still there; else echo gone; fi\n'


def test_next_step_begins_when_the_process_of_a_script_is_gone(tmp_path: Path) -> None:
    """Its end is known before: a big process takes Linux a while to clear away, and its memory is free only then."""
    big = (
        "import builtins, os\nopen('pid', 'w').write(str(os.getpid()))\n"
        "builtins.memory = bytearray(os.urandom(2**20)) * 400\n"
    )
    steps = run(tmp_path, Python(big), LOOK)
    assert outcomes(steps) == ["passed", "passed"]
    assert steps[1].stdout == "gone\n"


def test_next_step_begins_when_the_threads_of_a_script_are_gone(tmp_path: Path) -> None:
    """They might go on writing, and Linux ends one after the other."""
    many = (
        "import os, threading\nopen('pid', 'w').write(str(os.getpid()))\nthreading.stack_size(2**16)\n"
        "for _ in range(1000): threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    steps = run(tmp_path, Python(many), LOOK)
    assert outcomes(steps) == ["passed", "passed"]
    assert steps[1].stdout == "gone\n"


def test_next_step_finds_the_files_of_a_script_closed(tmp_path: Path) -> None:
    """Even where nothing else is waited for: this one's memory is little, but in many parts, which takes Linux long."""
    slow = (
        "import builtins, mmap, socket\nbuiltins.kept = port = socket.create_server(('127.0.0.1', 0))\n"
        "open('port', 'w').write(str(port.getsockname()[1]))\n"
        "builtins.maps = [mmap.mmap(-1, 4096, prot=i % 2) for i in range(60000)]\n"
    )
    steps = run(tmp_path, Python(slow), 'if (: <"/dev/tcp/127.0.0.1/$(< port)"); then echo open; fi\n')
    assert steps[0].outcome == "passed"
    assert steps[1].stdout == ""


def test_preloaded_only_if_declared(tmp_path: Path) -> None:
    script = "import sys\nprint('openai' in sys.modules)\n"
    declared = '# /// script\n# dependencies = ["openai>=1"]\n# ///\n'
    assert run(tmp_path / "without", Python(script))[0].stdout == "False\n"
    assert run(tmp_path / "with", Python(declared + script))[0].stdout == "True\n"


def test_what_starts_threads_or_keeps_state_is_never_preloaded() -> None:
    scripts = Scripts(Pump(), {}, ["numpy", "torch==2.9", "openai[aiohttp]>=1", "openai"])
    assert scripts._preload == ["openai"]


def test_plain_python_agrees(tmp_path: Path) -> None:
    """The comparisons above are with our own `started` way; this one is with Python itself."""
    for name in ("exception", "chained", "syntax", "exit text", "streams", "broken excepthook"):
        script = tmp_path / "snippets" / "s1.py"
        (step,) = run(tmp_path, Python(SCRIPTS[name]))
        plain = subprocess.run(
            [str(Path(sys.executable).parent / "python"), str(script)],
            cwd=tmp_path,
            env=os.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (step.stdout, step.stderr.replace("snippets/s1.py", str(script)), step.exit_code) == (
            plain.stdout,
            plain.stderr,
            plain.returncode,
        )
