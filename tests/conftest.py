"""What the tests share: a tree of pages and snippets in a temporary folder."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
from program import program as program
from trees import Tree, page_of


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write files, named by their path below the root, and return the root.

    A page given as a list of snippet names becomes one with a fence for each.
    """

    def write(files: Mapping[str, str | bytes | list[str]]) -> Path:
        for folder in ("docs", "snippets"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = page_of(content) if isinstance(content, list) else content
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path

    return write


@pytest.fixture
def shellcheck() -> str:
    """The program; a machine may lack it, one that runs CI may not."""
    found = shutil.which("shellcheck")
    if not found and "CI" not in os.environ:
        pytest.skip("shellcheck is not installed")
    assert found, "shellcheck is not installed, and CI has to have it"
    return found


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background by a shell: programs that tests interrupt would inherit that and never hear it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
