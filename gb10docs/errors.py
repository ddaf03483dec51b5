"""The one base class of everything that is the user's to mend."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable, Iterable


class GB10DocsError(Exception):
    """A mistake in the input, told in a sentence that says what, where, why and what to do.

    Attributes:
        exit_code: What the process exits with when nothing catches it.
    """

    exit_code = 2


SICK = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.ENOMEM, errno.EAGAIN, errno.E2BIG, errno.EROFS, errno.EIO),
}
"""What a machine says that has no room, memory, processes or descriptors left: a misfortune, and no fault of ours."""


def is_sick(error: BaseException) -> bool:
    """Whether an error tells of a machine that has run out of something."""
    return isinstance(error, OSError) and error.errno in SICK


class NotServed(GB10DocsError):
    """What answers in place of an engine is broken: no mistake in the input, and no reason to lose what has run."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an error message: the nearest known name, or all of them."""
    import difflib

    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"


def tell(line: str) -> None:
    """A line on standard error, if there is one to write to."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"gb10docs: {line}\n")
        sys.stderr.flush()


def come_what_may(what: str, endings: Iterable[Callable[[], object]]) -> None:
    """Do all of this in turn: where one fails, one line says so, and the next is done."""
    for end in endings:
        try:
            end()
        except Exception as error:  # noqa: BLE001  nothing that ends may keep the rest from ending
            why = str(error) if isinstance(error, GB10DocsError) else repr(error)
            tell(f"{what}: {why}")
