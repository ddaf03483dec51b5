"""This computer: hardware, ports, processes, folders, Python environments. It knows no page and no engine."""

from __future__ import annotations

from gb10docs.errors import GB10DocsError


class Unavailable(GB10DocsError):
    """What this machine lacks: an installed package, or a port that is free."""
