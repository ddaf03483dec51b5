"""Server-sent events, read as the standard says, each with the time at which its last byte came.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

Arrival = tuple[float, bytes]
"""Reading of `perf_counter`, and what arrived."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """One event: when the empty line that closes it came, its lines of data, and its type."""

    at: float
    data: str
    kind: str = "message"


def events(arrivals: Iterable[Arrival]) -> Iterator[Event]:
    """The events of a stream; one that no empty line closes is none."""
    data: list[str] = []
    kind = ""
    for at, line in lines(arrivals):
        if not line:
            if data:
                yield Event(at, "\n".join(data), kind or "message")
            data, kind = [], ""
            continue
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode(errors="replace")
        if name == b"data":
            data.append(text)
        elif name == b"event":
            kind = text


def lines(arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
    """The lines of a stream, each with the time at which its end came; what no line end closes is left out.

    A line ends with CR as soon as that is there: an LF that follows in the next piece belongs to it.
    """
    begun: list[bytes] = [b""]
    ended_by_cr, mark = False, _BYTE_ORDER_MARK
    for at, arrived in arrivals:
        piece = arrived.removeprefix(b"\n") if ended_by_cr else arrived
        if not piece:
            ended_by_cr = ended_by_cr and not arrived
            continue
        ended_by_cr = piece.endswith(b"\r")
        whole = piece.splitlines()
        rest = b"" if piece.endswith((b"\n", b"\r")) else whole.pop()
        for line in whole:
            begun.append(line)
            yield at, b"".join(begun).removeprefix(mark)
            begun.clear()
            mark = b""
        begun.append(rest)
