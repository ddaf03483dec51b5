"""A benchmark of one OpenAI-compatible server, timed as a client sees it. It starts no server.

Example:
    from gb10docs.bench.session import measure
    from gb10docs.bench.workload import Workload

    result = measure("http://127.0.0.1:8001", Workload(concurrency=(1, 4)))
"""
