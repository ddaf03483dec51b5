"""The program, as `gb10docs` or `python -m gb10docs`."""

from __future__ import annotations

import contextlib
import os
import sys

from gb10docs.cli import main


def program() -> None:
    """Run and end; taking leave of 350 modules would cost as much as a hundred steps."""
    status = main()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    program()
