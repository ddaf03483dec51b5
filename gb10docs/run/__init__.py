"""Running a plan: sessions, scripts, servers and the loop. It writes no ledger and no report."""

from __future__ import annotations

from gb10docs.errors import GB10DocsError


class CannotRun(GB10DocsError):
    """A step that cannot be run or go on: its interpreter, session, server or temporary folder is not there."""
