"""`gb10docs bench`: arguments in, report out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from gb10docs import bench
from gb10docs.bench.metrics import Request

app = typer.Typer(
    name="bench", help="Measure one OpenAI-compatible server, one request at a time.", no_args_is_help=True
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")]
StoreOption = Annotated[
    Path | None,
    typer.Option("--store", help="The file of results; a file in the user's data folder by default."),
]


@app.command()
def run(
    url: Annotated[str, typer.Option(help="The server, such as http://127.0.0.1:8001.")],
    model: Annotated[str, typer.Option(help="The served model's name.")],
    label: Annotated[str, typer.Option(help="What the report calls this row.")] = "",
    requests: Annotated[int, typer.Option(min=1, help="Requests that count.")] = 5,
    warmup: Annotated[int, typer.Option(min=0, help="Requests before them that do not.")] = 2,
    max_tokens: Annotated[int, typer.Option(min=2, help="Output tokens a request.")] = 128,
    as_json: JsonOption = False,
    store: StoreOption = None,
) -> None:
    """Measure a server and keep the result."""
    seen = _tick if sys.stderr.isatty() else None
    result = bench.measure(
        url, model, label=label, requests=requests, warmup=warmup, max_tokens=max_tokens, seen=seen
    )
    bench.store.append(result, store)
    if as_json:
        typer.echo(json.dumps(result.to_json(), indent=2))
    else:
        bench.report.show([result])


@app.command()
def report(as_json: JsonOption = False, store: StoreOption = None) -> None:
    """Show the results that were kept."""
    kept = bench.store.read(store)
    if as_json:
        typer.echo(json.dumps([result.to_json() for result in kept.results], indent=2))
    else:
        bench.report.show(kept.results)
    for bad in kept.bad:
        typer.echo(bad, err=True)
    if kept.bad:
        raise typer.Exit(kept.bad[0].exit_code)


def _tick(request: Request) -> None:
    typer.echo(f"{request.output_tokens} tokens in {request.e2e_s:.1f} s", err=True)
