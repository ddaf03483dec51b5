"""Ports: open or not, and whose."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from ports import free_port

from gb10docs.machine import Unavailable, ports

LISTEN = """
import socket
s = socket.create_server(({host!r}, 0), family=socket.{family})
print(s.getsockname()[1], flush=True)
input()
"""


def test_open_and_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert ports.is_open(port)
        with pytest.raises(
            Unavailable, match=f"snippets/a.sh: port {port} is taken by process {os.getpid()} "
        ):
            ports.refuse_taken(port, "snippets/a.sh")
    assert not ports.is_open(port)
    ports.refuse_taken(port, "snippets/a.sh")


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", "AF_INET"), ("", "AF_INET"), ("::", "AF_INET6")])
def test_holder_is_named(host: str, family: str) -> None:
    """On whatever address it listens that 127.0.0.1 reaches."""
    code = LISTEN.format(host=host, family=family)
    if host == "::":
        code = code.replace("AF_INET6)", "AF_INET6, dualstack_ipv6=True)")
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        assert ports.is_open(port)
        assert ports.holder(port).startswith(f"process {process.pid} (")
        assert "-c" in ports.holder(port)
        process.stdin.close()


def test_a_free_port_is_nobody_elses_until_a_server_takes_it() -> None:
    port = free_port()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    assert not ports.is_open(port)
    with socket.create_server(("127.0.0.1", port)):
        assert ports.is_open(port)
    assert not ports.is_open(port)
    assert free_port() != port


def test_holder_that_is_not_to_be_seen() -> None:
    assert ports.holder(1) == "another user's process"
