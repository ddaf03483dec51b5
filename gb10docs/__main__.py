"""The program, as `gb10docs` or `python -m gb10docs`."""

from __future__ import annotations

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
        from gb10docs import printing
        from gb10docs.cli import leave, main

        printing.install(os.environ)
    except KeyboardInterrupt:
        os._exit(130)
    leave(main())


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
