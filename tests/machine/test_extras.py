"""A plain install, without extras: every command does what it can, or says in a line what to install."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from gb10docs.machine import extras

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def needed(names: list[str]) -> Iterator[metadata.Distribution]:
    """Packages and all that they need in turn, extras left out."""
    seen: set[str] = set()
    while names:
        name = re.split(r"[^\w.-]", names.pop())[0].lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another Python or system
            continue
        names += [line for line in found.requires or () if "extra ==" not in line]
        yield found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in an environment of its own: its wheel, and links to the packages that it cannot do without."""
    folder = tmp_path_factory.mktemp("plain")
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    packages = environment / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    for package in needed([*PROJECT["dependencies"]]):
        for top in {file.parts[0] for file in package.files or () if not file.parts[0].startswith("..")}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(package.locate_file(top))))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "wheel", *offline, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("*.whl")
    python = environment / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", *offline[:2], str(wheel)], check=True)
    return environment / "bin" / "gb10docs"


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(plain: Path, tmp_path: Path) -> Run:
    """Run it in a folder of its own; its exit status and what it printed, in one line."""

    def start(*arguments: str, **variables: str) -> tuple[int, str]:
        (tmp_path / "tmp").mkdir(exist_ok=True)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path / "tmp"),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "RAN": str(tmp_path / "ran"),
            "PATH": f"{plain.parent}:/usr/local/bin:/usr/bin:/bin",
            **variables,
        }
        done = subprocess.run(
            [str(plain), *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return start


SERVE = '# /// script\n# [tool.gb10docs]\n# serves = "compose/vllm:vllm"\n# ///\ntrue\n'


def page(tree: Callable[[Mapping[str, str | bytes | list[str]]], Path], *, serves: bool) -> Path:
    """A tree with one page that counts, and serves too if it is to."""
    compose = {
        f"compose/vllm/{file.name}": file.read_bytes()
        for file in (ROOT / "compose" / "vllm").iterdir()
        if file.is_file()
    }
    files: dict[str, str | bytes | list[str]] = {"snippets/p/first.sh": 'echo one > "$RAN"\n', **compose}
    if serves:
        files["snippets/p/serve.sh"] = SERVE
    return tree({"docs/p.md": ["p/first.sh", "p/serve.sh"] if serves else ["p/first.sh"], **files})


def test_pages_without_servers_run(run: Run, tree: Callable[..., Path], tmp_path: Path) -> None:
    status, said = run("run", "p", "--root", str(page(tree, serves=False)), "--target", "cpu")
    assert status == 0, said
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(("options", "extra"), [((), "stand-ins"), (("--stand-in", "docker"), "docker")])
def test_a_stand_in_says_what_to_install_before_anything_runs(
    run: Run, tree: Callable[..., Path], tmp_path: Path, options: tuple[str, ...], extra: str
) -> None:
    status, said = run("run", "p", "--root", str(page(tree, serves=True)), "--target", "cpu", *options)
    assert (status, f"pip install 'gb10docs[{extra}]'" in said) == (2, True), said
    assert not (tmp_path / "ran").exists()


def test_a_container_that_nobody_could_look_at_is_not_started(run: Run, tree: Callable[..., Path]) -> None:
    root = str(page(tree, serves=True))
    for command in (("run", "p", "--dry-run"), ("doctor",)):
        _, said = run(*command, "--root", root, "--target", "gb10")
        assert "docker: this needs the package docker, which is not installed" in said
        assert "pip install 'gb10docs[docker]'" in said


WITHOUT = {
    "list": ("list", "--root", "{tree}"),
    "doctor": ("doctor", "--root", "{tree}", "--target", "cpu"),
    "dry run": ("run", "p", "--root", "{tree}", "--target", "cpu", "--dry-run"),
    "clean": ("clean",),
    "status": ("evidence", "status", "--root", "{tree}"),
    "fit": ("fit", "Qwen3-8B"),
    "report": ("bench", "report", "--store", "{tree}/none.jsonl"),
    "version": ("--version",),
    **{
        f"help of {name}": (*name.split(), "--help")
        for name in ("run", "bench", "bench report", "bench compare", "fit", "inspect", "site prepare", "evidence")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT)
def test_what_needs_no_extra_works(run: Run, tree: Callable[..., Path], name: str) -> None:
    root = page(tree, serves=True)
    status, said = run(*(word.format(tree=root) for word in WITHOUT[name]))
    assert (status, "pip install" in said) == (0, False), said


WITH = {
    "bench": (("bench",), "aiohttp", "bench"),
    "bench of an address": (("bench", "--url", "http://127.0.0.1:1"), "aiohttp", "bench"),
    "site": (("site", "prepare", "--root", "{tree}"), "jupytext", "site"),
    "a model of the hub": (("fit", "owner/name"), "", "course"),
    "a checkpoint of the hub": (("inspect", "owner/name"), "", "course"),
}


@pytest.mark.parametrize("name", WITH)
def test_what_needs_one_says_which(run: Run, tree: Callable[..., Path], name: str) -> None:
    command, package, extra = WITH[name]
    root = page(tree, serves=False)
    status, said = run(*(word.format(tree=root) for word in command))
    assert status == 2
    assert said.startswith("gb10docs: ")
    assert said.endswith(f"pip install 'gb10docs[{extra}]'")
    assert package in said


def test_a_checkpoint_in_a_folder_is_inspected_or_says_what_to_install(run: Run, tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    status, said = run("inspect", str(tmp_path))
    assert status == 0 or "pip install 'gb10docs[formats]'" in said, said


def test_only_what_an_extra_has_is_told() -> None:
    """A missing module of ours, or one of an installed package, is a fault, and its traceback is wanted."""
    for name in ("gb10docs.nothing", "click.nothing", "", "no_such_package"):
        assert extras.lacking(ModuleNotFoundError(name, name=name)) is None


def test_every_extra_is_known_by_its_packages() -> None:
    for extra in PROJECT["optional-dependencies"]:
        assert extras._packages()[extra]


def test_containers_of_a_killed_run_that_nobody_can_clear_are_told(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "gb10docs" / f"runs-{os.geteuid()}"
    folder.mkdir(mode=0o700, parents=True)
    note = folder / "abcdef012345.json"
    note.touch(mode=0o600)
    note.write_text(json.dumps({"folders": [], "compose": [], "labelled": True}))
    _, said = run("clean")
    assert "containers of a run may be left: this needs the package docker, which is not installed" in said
    assert "pip install 'gb10docs[docker]'" in said
    assert note.exists()
