"""A server of a run: something that answers on a port, whoever started it."""

from __future__ import annotations

from typing import Protocol

from gb10docs.results.result import Container


class Server(Protocol):
    """Something that answers on a port until it is stopped."""

    name: str
    port: int

    def dead(self) -> str:
        """Why it is no longer running, empty if it is."""

    def tail(self) -> str:
        """The last lines of its log."""

    def describe(self) -> list[Container]:
        """Its containers, if it has any."""

    def stop(self) -> None:
        """End it."""
