"""`site prepare` writes only its own files, only in its tree, and leaves nothing half done; notebooks are masked."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from program import PATIENCE, Program

from gb10docs.run.interrupts import Interrupted, Signals
from gb10docs.site.notebooks import executed

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"
PREPARE = ("site", "prepare", "--root")


@pytest.fixture
def root(program: Program) -> Path:
    program.page("echo hello\n")
    program.environment["HOME"] = str(program.folder / "home")
    (program.folder / "home").mkdir()
    return program.root


def prepare(program: Program) -> tuple[int, str, str]:
    status, out, err = program.run(*PREPARE, str(program.root))
    assert "Traceback" not in err
    return status, out, err


def below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, and what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


LINKS = {
    "a file": ("docs/snippets/s1.sh", ".bashrc"),
    "a folder": ("docs/snippets", "bin"),
    "a folder within": ("docs/snippets/inner", "bin"),
    "to nowhere": ("docs/page.json", ".config/autostart/x.json"),
    "a twin": ("docs/page.txt", ".bashrc"),
    "the index": ("docs/llms.txt", ".bashrc"),
    "the memory": (".cache", "bin"),
    "the memory's file": (".cache/gb10docs/written.txt", ".bashrc"),
    "kept notebooks": (".cache/gb10docs/notebooks", "bin"),
    "the Evidence page": ("docs/evidence/index.md", ".bashrc"),
}


@pytest.mark.parametrize("name", LINKS)
def test_nothing_is_written_through_a_link(program: Program, root: Path, name: str) -> None:
    home = program.folder / "home"
    (home / ".bashrc").write_text("# my own\n")
    (home / "bin").mkdir()
    (home / "bin/kept").write_text("mine\n")
    (root / "docs/nb.py").write_text("# %%\nprint(1)\n")
    link, target = LINKS[name]
    (root / link).parent.mkdir(parents=True, exist_ok=True)
    (root / link).symlink_to(home / target)
    before = below(home)
    status, _, err = prepare(program)
    assert (status, below(home)) == (2, before)
    assert "link" in err
    assert not (root / "docs/page.txt").is_file() or name == "a twin"


def test_a_link_that_stays_in_the_tree_is_not_written_through_either(program: Program, root: Path) -> None:
    (root / "docs/page.txt").symlink_to("../snippets/s1.sh")
    status, _, err = prepare(program)
    assert status == 2
    assert "docs/page.txt: cannot be written: docs/page.txt is a link" in err
    assert (root / "snippets/s1.sh").read_text() == "echo hello\n"


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_ledger_is_not_written_through_a_link(program: Program, root: Path, when: str) -> None:
    """Nor through one that a step of the page itself makes."""
    home = program.folder / "home"
    (home / ".bashrc").write_text("# my own\n")
    folder = root / "docs/evidence"
    if when == "before":
        folder.symlink_to(home)
    else:
        program.page(f"ln -s {home} {folder}\n")
    before = below(home)
    status, out, err = program.run("run", "page", "--record", "--root", str(root))
    assert (status, below(home)) == (2, before)
    assert "link" in out + err
    assert "Traceback" not in err


MINE = {
    "docs/page.json": '{"my": "data"}',
    "docs/page.txt": "my notes",
    "docs/llms.txt": "my own",
    "docs/evidence/index.md": "# My evidence page\n",
    "docs/snippets/s1.sh": "echo mine\n",
}


@pytest.mark.parametrize("name", MINE)
def test_a_file_of_mine_is_never_written_over(program: Program, root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(MINE[name])
    before = below(root)
    status, _, err = prepare(program)
    assert status == 2
    assert f"{root}/{name}: not written, since 'site prepare' did not make what is there" in err
    assert {path: text for path, text in below(root).items() if not path.startswith(".cache")} == before


@pytest.mark.parametrize("name", MINE)
def test_a_file_that_became_mine_is_kept(program: Program, root: Path, name: str) -> None:
    assert prepare(program)[0] == 0
    (root / name).write_text(MINE[name])
    assert prepare(program)[0] == 2
    assert (root / name).read_text() == MINE[name]
    (root / "docs/page.md").rename(root / "docs/other.md")
    (root / "snippets/s2.sh").write_text("echo two\n")
    text = (root / "docs/other.md").read_text()
    (root / "docs/other.md").write_text(text.replace("s1.sh", "s2.sh"))
    status, out, _ = prepare(program)
    assert (root / name).read_text() == MINE[name]
    assert status == (2 if name in {"docs/llms.txt", "docs/evidence/index.md"} else 0)
    assert status or f"left {name}, which has been changed since it was written" in out


def test_what_an_earlier_version_has_made_is_ours(program: Program, root: Path) -> None:
    """It noted names only."""
    assert prepare(program)[0] == 0
    memory = root / ".cache/gb10docs/written.txt"
    memory.write_text("".join(f"{line.partition('  ')[2]}\n" for line in memory.read_text().splitlines()))
    (root / "docs/page.txt").write_text("as an earlier version wrote it")
    (root / "docs/evidence/gone.json").write_text("{}")
    assert prepare(program)[0] == 0
    assert "echo hello" in (root / "docs/page.txt").read_text()
    assert (root / "docs/evidence/gone.json").read_text() == "{}"


def test_what_is_already_so_needs_no_memory(program: Program, root: Path) -> None:
    assert prepare(program)[0] == 0
    (root / ".cache/gb10docs/written.txt").unlink()
    assert prepare(program)[:2] == (0, "nothing has changed\n")


BUSY = "# %%\nimport os, time\n\nopen(os.environ['BEGUN'], 'w').close()\n"


def begun(program: Program, root: Path, cell: str) -> tuple[subprocess.Popen[bytes], Path]:
    """A preparation whose notebook has come to the cell, and the folder that the notebook runs in."""
    program.environment["BEGUN"] = str(program.folder / "begun")
    (root / "docs/nb.py").write_text(f"{BUSY}{cell}\n")
    process = program.start(*PREPARE, str(root))
    until = time.monotonic() + PATIENCE
    while not (program.folder / "begun").exists():
        assert process.poll() is None
        assert time.monotonic() < until
    (folder,) = program.temporary.glob("gb10docs-notebook-*")
    return process, folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_leaves_nothing(program: Program, root: Path, number: signal.Signals) -> None:
    """Twice, quickly; also where the cell would rather go on."""
    before = below(root)
    process, _ = begun(program, root, f"while True:\n    time.sleep({program.token})")
    process.send_signal(number)
    process.send_signal(number)
    status, _, err = program.finish(process)
    assert (status, err) == (130, "")
    assert program.left() == []
    after = below(root)
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"docs/nb.py"}
    assert not list(root.rglob(".*.[0-9]*"))


def test_a_kernel_that_is_still_starting_ends_before_its_folder_goes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a program that goes on, so that it is not the program's own end which takes the kernel along."""
    (root / "docs/nb.py").write_text("# %%\nprint(1)\n")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = f"{tmp_path}/gb10docs-notebook-".encode()

    def signal_once_there_is_one() -> None:
        until = time.monotonic() + PATIENCE
        while not kernels_in(folder) and time.monotonic() < until:
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    with Signals() as signals:
        signals.hold()
        thread = threading.Thread(target=signal_once_there_is_one)
        thread.start()
        with pytest.raises(Interrupted):
            executed([root / "docs/nb.py"], tmp_path / "cache", timeout=PATIENCE, signals=signals)
        thread.join()
    assert kernels_in(folder) == []
    assert list(tmp_path.glob("gb10docs-notebook-*")) == []


def kernels_in(folder: bytes) -> list[str]:
    return [pid for pid in pids() if folder in command_of(pid)]


def pids() -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def command_of(pid: str) -> bytes:
    """Its command line; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_signals_that_were_ignored_before_are_ignored(program: Program, root: Path) -> None:
    """As under nohup."""
    program.environment["BEGUN"] = str(program.folder / "begun")
    go = program.folder / "go"
    os.mkfifo(go)
    (root / "docs/nb.py").write_text(f"{BUSY}open('{go}').read()\nprint('went on')\n")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = program.start(*PREPARE, str(root))
    finally:
        signal.signal(signal.SIGHUP, before)
    while not (program.folder / "begun").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    go.write_text("on")
    assert program.finish(process)[0] == 0
    assert "went on" in (root / "docs/nb.txt").read_text()


LEAKS = """# %%
import os, sys
print(os.environ["HF_TOKEN"])
print(os.path.expanduser("~"), os.environ["HF_TOKEN"][:9] + "\\x1b[1m" + os.environ["HF_TOKEN"][9:])
print(os.environ["HF_TOKEN"], file=sys.stderr)

# %%
from IPython.display import HTML, display
display(HTML("<b>" + os.environ["HF_TOKEN"] + "</b>"))
os.environ["HF_TOKEN"]
"""


def test_notebooks_are_masked(program: Program, root: Path) -> None:
    program.environment["HF_TOKEN"] = TOKEN
    (root / "docs/nb.py").write_text(LEAKS)
    assert prepare(program)[0] == 0
    written = {name: data.decode() for name, data in below(root).items()}
    home = program.environment["HOME"]
    assert [
        name for name, text in written.items() if TOKEN[4:] in text or TOKEN[9:] in text or home in text
    ] == []
    assert "[HF_TOKEN]" in written["docs/nb.txt"]
    assert written["docs/nb.ipynb"].count("[HF_TOKEN]") == 5
    assert [text.count("[HF_TOKEN]") for name, text in written.items() if "notebooks/" in name] == [5]


def test_an_error_of_a_notebook_is_masked(program: Program, root: Path) -> None:
    program.environment["HF_TOKEN"] = TOKEN
    (root / "docs/nb.py").write_text(
        "# %%\nimport os\nraise ValueError('\\x1b]0;t\\x07' + os.environ['HF_TOKEN'])\n"
    )
    status, _, err = prepare(program)
    assert status == 2
    assert err.endswith("docs/nb.py:3: cell 1 failed: ValueError: [HF_TOKEN]\n")


def test_what_is_declared_later_is_masked_in_what_is_kept(program: Program, root: Path) -> None:
    (root / "docs/nb.py").write_text("# %%\nprint('open sesame')\n")
    assert prepare(program)[0] == 0
    assert "open sesame" in (root / "docs/nb.txt").read_text()
    program.environment |= {"MOTTO": "open sesame", "GB10DOCS_SECRETS": "MOTTO"}
    assert prepare(program)[0] == 0
    assert "[MOTTO]" in (root / "docs/nb.txt").read_text()
    assert "print('open sesame')" in (root / "docs/nb.txt").read_text(), "sources are the author's"
