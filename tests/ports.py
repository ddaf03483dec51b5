"""Ports for the servers of tests."""

from __future__ import annotations

import socket

_HELD: list[socket.socket] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody else is given while the tests run.

    A socket that does not listen stays bound to it. So Linux gives it to nobody who asks for any port, nor to a
    connection; a server that sets SO_REUSEADDR, as servers do, can take it, and a client is refused until then.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    _HELD.append(held)
    port: int = held.getsockname()[1]
    return port
