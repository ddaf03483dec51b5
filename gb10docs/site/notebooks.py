"""Notebooks: jupytext `py:percent` files under `docs/`, executed before the build.

What came out is kept until the notebook, Python or an installed package changes. A notebook that draws what was
recorded names the file in its header (`jupyter: gb10docs: reads:`): a copy lies in the folder that it runs in, and
counts as part of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gb10docs.atomic import write_text
from gb10docs.errors import GB10DocsError
from gb10docs.machine.folders import PREFIX, in_use
from gb10docs.pages.printing import without_sequences
from gb10docs.pages.snippet import BadSnippet, read_text
from gb10docs.run.interrupts import Interrupted, Signals

Cell = dict[str, Any]
Notebook = dict[str, Any]

TEMPLATES = Path(__file__).parent / "jupyter"
"""For `JUPYTER_PATH`: how mkdocs-jupyter draws a notebook here, without scripts and styles of its own."""
Mask = Callable[[str], str]
_KEPT = "masked"
"""What is kept since secrets are masked in it; what was kept before is made anew."""
_PICTURES = ("image/png", "image/jpeg", "image/gif", "application/pdf")
_MARKER = re.compile(r"^# %%", re.MULTILINE)
_AT = re.compile(r"Cell In\[\d+\], line (\d+)")
LARGEST_OUTPUT = 10**6
"""Letters that a cell may print: more is nothing that a page shows."""
_MAY_FAIL = "raises-exception"
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


class BadNotebook(GB10DocsError):
    """A notebook that cannot be read or does not run to its end; the message begins with file:line."""


def sources(docs: Path) -> list[Path]:
    """Every Python file below a folder that has cells, but for the published snippets.

    Raises:
        BadNotebook: A Python file cannot be read.
    """
    files = (path for path in sorted(docs.rglob("*.py")) if path.relative_to(docs).parts[0] != "snippets")
    return [path for path in files if _MARKER.search(_text(path))]


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except BadSnippet as error:
        raise BadNotebook(str(error)) from error


def executed(
    paths: list[Path],
    cache: Path,
    *,
    timeout: float,
    mask: Mask = str,
    signals: Signals | None = None,
) -> dict[Path, Notebook]:
    """Notebooks with their outputs, from the cache where nothing has changed; what is no longer used of that goes.

    As many run at once as there are cores: each has a process of its own.

    Args:
        paths: The notebooks.
        cache: Where outputs are kept.
        timeout: Seconds that a cell may take.
        mask: What whatever came out is put through before it is kept or told.
        signals: Those that end it: all that runs is ended, and waited for.

    Raises:
        BadNotebook: A cell fails, or takes longer; the message names file, line and cell.
        Interrupted: A signal has come.
    """
    making = _Making(cache, timeout, mask)
    try:
        with asyncio.Runner(loop_factory=_Loop) as runner:
            found = runner.run(_executed_at_once(paths, making, signals))
    except asyncio.CancelledError:
        raise Interrupted from None
    making.tidy()
    return {path: masked(notebook, mask) for path, notebook in found.items()}


class _Making:
    """How notebooks are executed, and where outputs are kept."""

    def __init__(self, cache: Path, timeout: float, mask: Mask) -> None:
        self.cache, self.timeout, self.mask = cache, timeout, mask
        self._used: set[str] = set()

    def kept(self, key: str) -> Path:
        """Where the outputs are kept that belong to a key."""
        self._used.add(f"{key}.json")
        return self.cache / f"{key}.json"

    def tidy(self) -> None:
        """Remove what is kept and no longer used."""
        for path in self.cache.glob("*.json"):
            if path.name not in self._used:
                path.unlink(missing_ok=True)


def masked(notebook: Notebook, mask: Mask) -> Notebook:
    """The notebook with what came out of its cells masked; pictures are left alone, sources are the author's."""
    cells = [
        {**cell, "outputs": [_masked(output, mask) for output in cell["outputs"]]}
        if "outputs" in cell
        else cell
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list):
        return [_masked(one, mask) for one in value]
    if isinstance(value, dict):
        return {key: one if key in _PICTURES else _masked(one, mask) for key, one in value.items()}
    return value


class _Loop(asyncio.SelectorEventLoop):
    """Leaves Ctrl-C to its runner, which cancels all: nbclient would end one kernel on it, and not the others."""

    def add_signal_handler(self, *_: object) -> None:
        raise RuntimeError("signals are the runner's")

    def remove_signal_handler(self, _: int) -> bool:
        return False


async def _executed_at_once(
    paths: list[Path], making: _Making, signals: Signals | None
) -> dict[Path, Notebook]:
    loop, whole = asyncio.get_running_loop(), asyncio.current_task()
    if signals and whole:

        def end() -> None:
            loop.remove_reader(signals)
            whole.cancel()

        loop.add_reader(signals, end)
    cores = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(path: Path) -> Notebook:
        async with cores:
            return await _executed(path, making)

    try:
        async with asyncio.TaskGroup() as group:
            notebooks = {path: group.create_task(one(path)) for path in paths}
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return {path: notebook.result() for path, notebook in notebooks.items()}


async def _executed(path: Path, making: _Making) -> Notebook:
    text = _text(path)
    given = _given(text, path)
    kept = making.kept(_key(text, given))
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    notebook = masked(await _execute(text, path, making, given), making.mask)
    write_text(kept, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return notebook


def read(text: str, path: Path) -> Notebook:
    """A `py:percent` text as a notebook, each cell with the line on which it begins.

    Raises:
        BadNotebook: Code stands above the first cell's marker.
    """
    import jupytext

    lines = [text.count("\n", 0, marker.start()) + 1 for marker in _MARKER.finditer(text)]
    cells = jupytext.reads(text, fmt="py:percent")["cells"]
    if len(cells) != len(lines):
        raise BadNotebook(f"{path}:1: code stands above the first cell: begin the cell with a line '# %%'")
    numbered = enumerate(zip(cells, lines, strict=True), start=1)
    return {
        "cells": [_cell(cell, number, line) for number, (cell, line) in numbered],
        "metadata": {"kernelspec": _KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(cell: Cell, number: int, line: int) -> Cell:
    """A cell with what Jupyter runs of it; of its tags only the one that lets it fail, since others leave it out."""
    tags = [_MAY_FAIL] if _MAY_FAIL in cell["metadata"].get("tags", []) else []
    made = {
        "cell_type": cell["cell_type"],
        "id": f"cell-{number}",
        "metadata": {"line": line, **({"tags": tags} if tags else {})},
        "source": cell["source"],
    }
    return {**made, "execution_count": None, "outputs": []} if cell["cell_type"] == "code" else made


def _given(text: str, path: Path) -> dict[str, str]:
    """The files that a notebook's header says it reads, by name; their paths are relative to the notebook."""
    import jupytext

    reads = jupytext.reads(text, fmt="py:percent")["metadata"].get("gb10docs", {}).get("reads", [])
    try:
        return {Path(name).name: read_text(path.parent / name) for name in reads}
    except BadSnippet as error:
        raise BadNotebook(f"{path}:1: reads {error}: mend the header") from error


def _key(text: str, given: dict[str, str]) -> str:
    """A hash of the notebook, what it reads, Python, every package here, and our own where the notebook uses it."""
    found = {path.name for entry in sys.path for path in Path(entry or ".").glob("*.dist-info")}
    parts = [_KEPT, text, *given.values(), sys.version, *sorted(found)]
    if "gb10docs" in text:
        parts.append(_package(Path(__file__).parents[1]))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _package(folder: Path) -> str:
    """What a notebook can import or read of a package: every file's path and hash, data among them."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".pyc")
    return "\n".join(
        f"{file.relative_to(folder)} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files
    )


async def _execute(text: str, path: Path, making: _Making, given: dict[str, str]) -> Notebook:
    """Run every cell in a fresh kernel of this very Python, in a folder that holds what is given."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.from_dict(read(text, path))  # type: ignore[no-untyped-call]
    at = 0

    def begun(cell_index: int, **_: object) -> None:
        nonlocal at
        at = cell_index

    def ended(cell: Any, **_: object) -> None:
        cell["outputs"] = _coalesced(cell["outputs"])
        if _printed(cell["outputs"]) > LARGEST_OUTPUT:
            raise BadNotebook(
                f"{_place(notebook, at, path)} prints more than {LARGEST_OUTPUT // 10**6} MB: print less"
            )

    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}notebook-") as folder, in_use(folder):
        for name, content in given.items():
            write_text(Path(folder) / name, content)
        manager = AsyncKernelManager(
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=str(Path(folder) / "kernel.json"),
            transport="ipc",
        )
        client = NotebookClient(
            notebook, km=manager, timeout=making.timeout, record_timing=False,
            resources={"metadata": {"path": folder}},
            on_cell_start=begun, on_cell_executed=ended,
        )  # fmt: skip
        try:
            await client.async_execute(env=_environment(folder), cleanup_kc=True, stderr=subprocess.DEVNULL)
        except CellTimeoutError as error:
            raise BadNotebook(
                f"{_place(notebook, at, path)} still runs after {making.timeout:g} s: make it faster"
            ) from error
        except CellExecutionError as error:
            line = _failing_line(error.traceback)
            raise BadNotebook(
                f"{_place(notebook, at, path, line)} failed: {making.mask(f'{error.ename}: {error.evalue}')}"
            ) from error
        except DeadKernelError as error:
            if (task := asyncio.current_task()) and task.cancelling():
                raise asyncio.CancelledError from error
            raise BadNotebook(
                f"{_place(notebook, at, path)} ended its Python: {making.mask(str(error))}"
            ) from error
        finally:
            # nbclient leaves a kernel alone that it was still waiting for; the folder goes once nobody writes there.
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)
    return json.loads(json.dumps(notebook))  # type: ignore[no-any-return]


def _coalesced(outputs: list[Any]) -> list[Any]:
    """Outputs with what each stream printed in one, as a terminal shows it, standard output before error.

    nbclient can do this too, in a time that grows with the square of a line's length.
    """
    first: dict[str, Any] = {}
    texts: dict[str, list[str]] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            first.setdefault(output["name"], output)
            texts.setdefault(output["name"], []).append(output["text"])
    for name, output in first.items():
        lines = "".join(texts[name]).replace("\r\n", "\n").split("\n")
        output["text"] = "\n".join(line.rpartition("\r")[2] if line[-1:] != "\r" else line for line in lines)
    kept = [one for one in outputs if one["output_type"] != "stream" or one is first[one["name"]]]
    names = [one.get("name") for one in kept]
    if ("stderr", "stdout") in itertools.pairwise(names):
        at = names.index("stderr")
        kept[at : at + 2] = kept[at + 1], kept[at]
    return kept


def _printed(outputs: list[Any]) -> int:
    """Letters that streams have printed."""
    return sum(len(output["text"]) for output in outputs if output["output_type"] == "stream")


def _environment(folder: str) -> dict[str, str]:
    """This environment, less what a user has set up for IPython."""
    return {**os.environ, "IPYTHONDIR": folder, "MPLCONFIGDIR": folder, "PYTHONHASHSEED": "0"}


def _place(notebook: Notebook, at: int, path: Path, line: int = 1) -> str:
    return f"{path}:{notebook['cells'][at]['metadata']['line'] + line}: cell {at + 1}"


def _failing_line(traceback: str) -> int:
    """The cell's own line that failed, counted from 1."""
    found = _AT.search(without_sequences(traceback))
    return int(found[1]) if found else 1
