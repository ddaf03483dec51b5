"""Ports of this machine: whether one answers, and who holds it."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from gb10docs.machine import Unavailable
from gb10docs.machine.processes import command_of


def is_open(port: int) -> bool:
    """Whether something accepts connections on 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def refuse_taken(port: int, wanted_by: str) -> None:
    """Raise Unavailable, naming the process, if something listens on `port`."""
    if is_open(port):
        raise Unavailable(f"{wanted_by}: port {port} is taken by {holder(port)}: stop it and run again")


def holder(port: int) -> str:
    """The process that listens on a port, for a message."""
    pid = listener(port)
    return f"process {pid} ({command_of(pid) or 'unknown'})" if pid else "another user's process"


def listener(port: int) -> int | None:
    """The number of the process that listens on a port; None where nothing does, or another user's process."""
    inodes = _listening_inodes(port)
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) in inodes:
                return int(link.parts[2])
    return None


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
