"""The program, as `gb10docs` or `python -m gb10docs`."""

from __future__ import annotations

import contextlib
import gc
import os
import sys


def program() -> None:
    """Run and end.

    What is imported and read is used to the end: looking for garbage in it, or taking leave of it, is for nothing.
    """
    gc.set_threshold(20_000)
    _open_standard_streams()
    try:
        from gb10docs.cli import leave, main
        from gb10docs.pages import printing

        printing.install(os.environ)
        leave(main())
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as error:  # noqa: BLE001  Python's own end of it, 1, means that a step failed
        _end_of_a_broken_program(error)


def _end_of_a_broken_program(error: Exception) -> None:
    """What cannot be read, or cannot even tell of its fault: where it is, and not what it says, which nothing masks."""
    import traceback

    with contextlib.suppress(OSError):
        traceback.print_tb(error.__traceback__)
        print(
            f"gb10docs: {type(error).__name__}: it is broken: install it again", file=sys.stderr, flush=True
        )
    os._exit(70)


def _open_standard_streams() -> None:
    """What the program was started without leads nowhere; else a file that it opens would take that place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    program()
