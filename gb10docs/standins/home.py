"""The throwaway home folder: what pages expect to find in one, so that the user's own stays untouched."""

from __future__ import annotations

import os
import site
import stat
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

VENV = Path("venv") / "gb10-training"
MODELS = Path("gb10") / "models"

SCRIPTS = {"pip": "pip", "hf": "huggingface_hub"}
"""Commands that the environment has from the start, and the distribution whose entry point each is."""

SCRIPT = """#!{python}
import sys
from importlib.metadata import distribution
(command,) = distribution("{distribution}").entry_points.select(group="console_scripts", name="{name}")
sys.exit(command.load()())
"""

OWN_SCRIPT = """#!{python}
import runpy
runpy.run_module("gb10docs", run_name="__main__", alter_sys=True)
"""


def seed(home: Path, *, user_home: Path, texts: Iterable[str]) -> None:
    """Make the home folder: the models folder, pip's cache linked, and the virtual environment of lesson 1.

    Args:
        home: The folder to fill; made if missing.
        user_home: The user's own, whose pip cache is linked.
        texts: What runs there; where none of it names the environment, that is left out.
    """
    (home / MODELS).mkdir(parents=True, exist_ok=True)
    if any(VENV.name in text for text in texts):
        _make_venv(home / VENV)
    (home / ".cache").mkdir(exist_ok=True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or user_home / ".cache") / "pip"
    link = home / ".cache" / "pip"
    if cache.is_dir() and not link.exists():
        link.symlink_to(cache, target_is_directory=True)


def environment(home: Path, *, user_home: Path | None = None) -> dict[str, str]:
    """The variables that make `home` the home folder, and still lead to the user's pip and Docker set-up.

    Args:
        home: A seeded folder.
        user_home: The user's own; that of this process unless given.
    """
    user_home = user_home or Path.home()
    cache, hugging_face = home / ".cache", home / ".cache" / "huggingface"
    variables = {
        "HOME": home,
        "XDG_CACHE_HOME": cache,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "HF_HOME": hugging_face,
        "HF_HUB_CACHE": hugging_face / "hub",
        "HF_XET_CACHE": hugging_face / "xet",
        "HF_TOKEN_PATH": hugging_face / "token",
        "TORCHINDUCTOR_CACHE_DIR": cache / "torchinductor",
        "HF_HUB_OFFLINE": "",  # AIPerf takes any text for a yes, 0 too
        "HF_HUB_DISABLE_XET": 1,
        "HF_HUB_DISABLE_TELEMETRY": 1,
        "DO_NOT_TRACK": 1,
        "PYTHONNOUSERSITE": 1,
        "DOCKER_CONFIG": os.environ.get("DOCKER_CONFIG") or user_home / ".docker",
        "NO_PROXY": _without_proxy("NO_PROXY"),
        "no_proxy": _without_proxy("no_proxy"),
    }
    pip_config = os.environ.get("PIP_CONFIG_FILE") or _pip_config(user_home)
    if pip_config:
        variables["PIP_CONFIG_FILE"] = pip_config
    return {name: str(value) for name, value in variables.items()}


def _make_venv(folder: Path) -> None:
    """A virtual environment of our own interpreter that also sees what we have installed, pip included.

    Our packages come after its own on the path and lie outside its prefix, so its pip never touches them.
    """
    import venv

    venv.EnvBuilder(symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    ours = [str(Path(__file__).parents[2]), *site.getsitepackages()]
    lines = [f"import site; site.addsitedir({path!r})" for path in ours]
    (packages / "gb10docs-home.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, distribution in SCRIPTS.items():
        if find_spec(distribution):
            script = SCRIPT.format(python=folder / "bin" / "python", distribution=distribution, name=name)
            _write_script(folder / "bin" / name, script)
    _write_script(folder / "bin" / "gb10docs", OWN_SCRIPT.format(python=folder / "bin" / "python"))


def _write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _pip_config(user_home: Path) -> Path | None:
    """The user's own pip configuration, which pip would look for under HOME."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or user_home / ".config")
    places = (base / "pip" / "pip.conf", user_home / ".pip" / "pip.conf")
    return next((place for place in places if place.is_file()), None)


def _without_proxy(variable: str) -> str:
    return ",".join(filter(None, [os.environ.get(variable), "127.0.0.1", "localhost"]))
