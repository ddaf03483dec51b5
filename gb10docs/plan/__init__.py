"""What runs here, what is replaced or skipped, and why. It starts nothing."""

from __future__ import annotations

from gb10docs.errors import GB10DocsError


class BadPlan(GB10DocsError):
    """Steps that no machine could run, or not this one: out of order, undeclared, too large, for no known target."""
