"""In the place of vLLM: a server of the routes that a run asks before a page does; the first word says how."""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

HOW, ARGUMENTS = sys.argv[1], sys.argv[2:]
TEXT = "no no no" if HOW == "nonsense" else "it is 204 indeed"


class Handler(BaseHTTPRequestHandler):
    """Healthy; one model; one answer."""

    def do_GET(self) -> None:
        """Health and models, and the number of this process."""
        self._say({"data": [{"id": "small"}], "pid": os.getpid()})

    def do_POST(self) -> None:
        """An answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        message = {"role": "assistant", "content": TEXT}
        self._say({"choices": [{"message": message, "finish_reason": "stop"}]})

    def _say(self, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    if HOW == "badly":
        sys.exit(print("no such kernel") or 3)
    print("Using DequantizedAtLoadNvFp4LinearKernel for NVFP4 GEMM", flush=True)
    port = int(ARGUMENTS[ARGUMENTS.index("--port") + 1])
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()
