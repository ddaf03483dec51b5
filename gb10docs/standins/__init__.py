"""What a machine supplies in place of what it cannot have: models, a hub, answers. It decides nothing."""

from __future__ import annotations

from gb10docs.errors import GB10DocsError


class NoStandIn(GB10DocsError):
    """A stand-in that cannot be had, made or started."""
