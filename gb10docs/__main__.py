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
    from gb10docs.cli import main

    status = main()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    program()
