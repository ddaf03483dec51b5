"""A benchmark of one OpenAI-compatible server, timed as a client sees it. It starts no server.

Example:
    from gb10docs.bench.session import measure
    from gb10docs.bench.workload import Workload

    result = measure("http://127.0.0.1:8001", Workload(concurrency=(1, 4)))
"""

from __future__ import annotations

from gb10docs.errors import GB10DocsError


class CannotMeasure(GB10DocsError):
    """A benchmark that cannot be made, kept or shown: what is asked for is wrong, or the server refuses."""
