"""`gb10docs inspect`: arguments in, exit status out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gb10docs.models.inspection.expectation import Scheme


@click.command()
@click.argument("place", help="A folder, a safetensors file, or a repository on the hub (owner/name).")
@click.option("--revision", help="Of the repository; main by default.")
@click.option(
    "--expect",
    type=click.Choice([scheme.value for scheme in Scheme]),
    help="Exit 1, with reasons, if it is not this.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write JSON; - is standard output.",
)
def inspect(place: str, revision: str | None, expect: str | None, json_file: Path | None) -> None:
    """Say what a checkpoint really is: formats, shapes, bits, what stayed 16-bit, and the traps.

    Reads headers and configuration only, from the hub too. Knows what Model Optimizer, compressed-tensors, AWQ, GPTQ,
    AutoRound, bitsandbytes, MLX and quark write, DeepSeek's and gpt-oss's own files, and Mistral's; what it does not
    know it calls unknown, and --expect refuses it. Exit status: 0; 1 if it is not what --expect names, or is
    incomplete; 2 if there is no checkpoint, or one that cannot be true.
    """
    from gb10docs.cli import inspect_command

    sys.exit(inspect_command.inspect(place, revision, Scheme(expect) if expect else None, json_file))
