"""The stand-in in a container: it takes the command of a Compose service, and answers as that would.

`compose/standin/Dockerfile` makes this the image's entry point, so it imports nothing that is not in the image.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gb10docs.engines.compose import Command, read_command
from gb10docs.errors import GB10DocsError
from gb10docs.standins import NoStandIn, contract
from gb10docs.standins.llamacpp import GRACE_S, load
from gb10docs.standins.rules import CONTEXT, Service


def main(gguf: str, *words: str) -> None:
    """Load the model, then answer until the container is stopped."""
    import uvicorn

    command = read_command(list(words))
    refuse_absent(words)
    service = service_of(command)
    llamacpp = load(Path(gguf))
    answer = contract.app(service, llamacpp.listening_address)
    uvicorn.run(
        answer,
        host="0.0.0.0",  # noqa: S104 - Docker publishes it on 127.0.0.1 alone
        port=service.port,
        http="h11",
        ws="none",
        use_colors=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    os._exit(0)


def refuse_absent(words: tuple[str, ...]) -> None:
    """Every path that the command names has to be mounted, as the engine would insist.

    Raises:
        NoStandIn: One is not there.
    """
    absent = [word for word in words if word.startswith("/") and not Path(word).exists()]
    if absent:
        raise NoStandIn(f"{absent[0]}: not in the container: mount it, as the service's volumes say")


def service_of(command: Command) -> Service:
    """What the contract layer has to know of a server.

    Raises:
        NoStandIn: The command starts no engine, or names no port.
    """
    if not command.engine or not command.port.isdecimal():
        raise NoStandIn("the command names no engine that is known here, or no --port")
    return Service(
        service=command.engine,
        engine=command.engine,
        port=int(command.port),
        served_name=command.served_name,
        model=command.model,
        max_model_len=int(command.max_model_len) or CONTEXT,
    )


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except GB10DocsError as error:
        sys.exit(str(error))
