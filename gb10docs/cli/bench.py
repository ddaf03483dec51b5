"""`gb10docs bench`: arguments in, report out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="The file of results, or its folder; one in the user's data folder unless given.",
)


@click.group(invoke_without_command=True, subcommand_metavar="[report|compare]")
@click.option(
    "--engine", default="", help="Which engine, on the port that the lessons give it: trtllm, vllm, …"
)
@click.option("--url", default="", help="The server, such as http://127.0.0.1:8001.")
@click.option("--model", default="", help="The served model's name; the first that it lists unless given.")
@click.option("--label", default="", help="What tables call it; the engine unless given.")
@click.option(
    "--concurrency", default="1", show_default=True, help="Requests open at once, a level each: 1,2,4."
)
@click.option(
    "--context", default="0", show_default=True, help="Tokens before the prompt, a level each: 0,4k,16k."
)
@click.option(
    "--prompt-tokens", type=click.IntRange(16), default=128, show_default=True, help="About so many a prompt."
)
@click.option(
    "--output-tokens", type=click.IntRange(2), default=128, show_default=True, help="Tokens an answer."
)
@click.option(
    "--requests", type=click.IntRange(1), default=5, show_default=True, help="Requests that count, a level."
)
@click.option(
    "--warmup", type=click.IntRange(0), default=2, show_default=True, help="Requests before them, a level."
)
@click.option("--thinking", is_flag=True, help="Let the model think before it answers.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the result as JSON; - for here.",
)
@store_option
@click.pass_context
def bench(ctx: click.Context, /, **options: Any) -> None:
    """Measure an OpenAI-compatible server: TTFT, TPOT, tokens a second, share of the memory bandwidth.

    With no server named and a terminal, choose from what answers on the ports of the course.

    Exit status: 0 measured; 1 requests failed; 2 the input is wrong or no server answers; 130 interrupted.
    """
    if ctx.invoked_subcommand is None:
        ctx.exit(_measure(**options))


@bench.command()
@click.argument("names", nargs=-1, metavar="[RESULT]...")
@click.option("--csv", "form", flag_value="csv", help="One line a request, as measured.")
@click.option("--json", "form", flag_value="json", help="Everything that was kept.")
@click.option("--markdown", "form", flag_value="markdown", help="A table to paste into a page.")
@click.option("--html", "form", flag_value="html", help="A page of its own, with plots.")
@store_option
@click.pass_context
def report(ctx: click.Context, names: tuple[str, ...], form: str | None, store: Path | None) -> None:
    """Show the results that were kept, or those named, as a table with plots unless another form is asked for.

    A result is named as for compare: by label, by place, or by a JSON file.
    """
    from gb10docs.bench import charts, results, table
    from gb10docs.bench import store as kept

    found, bad = kept.read(store)
    if names:
        found = [kept.find(name, found) for name in names]
    if form == "json":
        click.echo(json.dumps([results.to_json(result) for result in found], indent=2, ensure_ascii=False))
    elif form == "csv":
        click.echo(table.comma_separated(found))
    elif form == "markdown":
        click.echo(table.markdown(found))
    elif form == "html":
        click.echo(charts.html(found))
    else:
        click.echo(table.render(found))
        click.echo(charts.text(found), nl=False)
    for line in bad:
        click.echo(line, err=True)
    ctx.exit(bad[0].exit_code if bad else 0)


@bench.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@store_option
def compare(first: str, second: str, store: Path | None) -> None:
    """Ratios of B to A with their spread; where the spread shows no difference, it says so.

    A and B are labels, places in the report (1 is the first, -1 the last) or JSON files.
    """
    from gb10docs.bench import compare as comparison
    from gb10docs.bench import store as kept

    found = kept.read(store).results
    click.echo(comparison.render(kept.find(first, found), kept.find(second, found)))


def _measure(
    *,
    engine: str,
    url: str,
    model: str,
    label: str,
    concurrency: str,
    context: str,
    json_file: Path | None,
    store: Path | None,
    **sizes: Any,
) -> int:
    from gb10docs import atomic
    from gb10docs.bench import live, menu, results, table
    from gb10docs.bench import store as kept
    from gb10docs.bench.session import measure
    from gb10docs.bench.workload import Workload, counts

    workload = Workload(concurrency=counts(concurrency), context=counts(context), **sizes)
    kept.refuse_unwritable(store)
    if json_file and json_file != Path("-"):
        atomic.refuse_unwritable(json_file)
    url = url or menu.choose(engine)
    with live.display(sys.stderr) as watch:
        result = measure(url, workload, engine=engine, model=model, label=label, watch=watch)
    if not result.runs:
        click.echo("interrupted before any request was answered; nothing is kept.", err=True)
        return 130
    written = json.dumps(results.to_json(result), indent=2, ensure_ascii=False)
    try:
        kept.append(result, store)
        if json_file and json_file != Path("-"):
            atomic.write_text(json_file, written + "\n")
    finally:
        click.echo(written if json_file == Path("-") else table.render([result]))
    if result.interrupted:
        return 130
    return 1 if any(run.requests.failed for run in result.runs) else 0
