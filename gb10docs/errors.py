"""The one base class of everything that is the user's to mend."""

from __future__ import annotations

from collections.abc import Iterable


class GB10DocsError(Exception):
    """A mistake in the input, told in a sentence that says what, where, why and what to do.

    Attributes:
        exit_code: What the process exits with when nothing catches it.
    """

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The tail of an error message: the nearest known name, or all of them."""
    import difflib

    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"
