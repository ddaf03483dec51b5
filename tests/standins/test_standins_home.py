"""The throwaway home: a real virtual environment with a real pip, and nothing of the user's touched."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from gb10docs.standins import home as homes

TEXTS = [". ~/venv/gb10-training/bin/activate\n"]


@pytest.fixture
def user_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PIP_CONFIG_FILE", "DOCKER_CONFIG", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "user"
    (folder / ".cache" / "pip").mkdir(parents=True)
    (folder / ".config" / "pip").mkdir(parents=True)
    (folder / ".config" / "pip" / "pip.conf").write_text("[global]\nno-index = true\n")
    return folder


@pytest.fixture
def home(tmp_path: Path, user_home: Path) -> Path:
    folder = tmp_path / "home"
    homes.seed(folder, user_home=user_home, texts=TEXTS)
    return folder


def _bash(home: Path, user_home: Path, command: str) -> str:
    environment = {"PATH": os.environ["PATH"], **homes.environment(home, user_home=user_home)}
    script = f"set -e; . ~/venv/gb10-training/bin/activate; {command}"
    result = subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_seeding_takes_no_time(tmp_path: Path, user_home: Path) -> None:
    begun = time.process_time()
    homes.seed(tmp_path / "home", user_home=user_home, texts=TEXTS)
    assert time.process_time() - begun < 0.15


def test_the_environment_is_made_for_pages_that_name_it(tmp_path: Path, user_home: Path) -> None:
    homes.seed(tmp_path / "home", user_home=user_home, texts=["cd ~/gb10/models\n"])
    assert (tmp_path / "home" / "gb10" / "models").is_dir()
    assert not (tmp_path / "home" / "venv").exists()


def test_commands_come_from_the_environment(home: Path, user_home: Path) -> None:
    places = _bash(home, user_home, "type -P python python3 pip hf gb10docs").split()
    assert [str(Path(place).parent) for place in places] == [str(home / "venv/gb10-training/bin")] * 5


def test_python_is_ours_and_sees_what_we_have(home: Path, user_home: Path) -> None:
    program = "import sys, openai, gb10docs; print(sys.prefix, sys.version_info[:3], gb10docs.__file__)"
    said = _bash(home, user_home, f"python -c '{program}'")
    import gb10docs

    assert said.split(" ", 1)[0] == str(home / "venv/gb10-training")
    assert str(sys.version_info[:3]) in said
    assert str(gb10docs.__file__) in said


def test_pip_and_hf_run(home: Path, user_home: Path) -> None:
    assert metadata.version("pip") in _bash(home, user_home, "pip --version")
    assert metadata.version("huggingface_hub") in _bash(home, user_home, "hf version")


def test_an_upgrade_goes_into_the_throwaway_environment_alone(home: Path, user_home: Path) -> None:
    links = home.parent / "links"
    links.mkdir()
    about = "huggingface_hub-99.0.dist-info"
    with zipfile.ZipFile(links / "huggingface_hub-99.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("huggingface_hub/__init__.py", "__version__ = '99.0'\ndef main(): print('hf 99.0')\n")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: huggingface_hub\nVersion: 99.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/entry_points.txt", "[console_scripts]\nhf = huggingface_hub:main\n")
        wheel.writestr(f"{about}/RECORD", "")
    before = metadata.version("huggingface_hub")
    _bash(home, user_home, f"pip install -U huggingface_hub --find-links {links}")
    assert (
        _bash(home, user_home, "hf; python -c 'import huggingface_hub as h; print(h.__version__)'")
        == "hf 99.0\n99.0\n"
    )
    assert metadata.version("huggingface_hub") == before
    assert list(home.glob("venv/gb10-training/lib/python*/site-packages/huggingface_hub-99.0.dist-info"))
    ours = subprocess.run(
        [sys.executable, "-c", "import huggingface_hub as h; print(h.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ours.stdout.strip() == before


def test_pip_keeps_the_users_cache_and_configuration(home: Path, user_home: Path) -> None:
    assert (home / ".cache" / "pip").readlink() == user_home / ".cache" / "pip"
    assert _bash(home, user_home, "pip config list").splitlines()[-1] == "global.no-index='true'"
    assert _bash(home, user_home, "pip cache dir").strip() == str(user_home / ".cache" / "pip")


def test_programs_take_the_folder_for_home(home: Path, user_home: Path) -> None:
    said = _bash(
        home, user_home, "echo ~; python -c 'from huggingface_hub.constants import HF_HOME; print(HF_HOME)'"
    )
    assert said.split() == [str(home), str(home / ".cache" / "huggingface")]
    assert (home / "gb10" / "models").is_dir()
    variables = homes.environment(home, user_home=user_home)
    assert variables["DOCKER_CONFIG"] == str(user_home / ".docker")
    assert all(
        value.startswith(str(home)) for name, value in variables.items() if name.startswith(("XDG_", "HOME"))
    )


def test_what_the_user_has_set_is_kept(home: Path, user_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/elsewhere/pip.conf")
    monkeypatch.setenv("DOCKER_CONFIG", "/elsewhere/docker")
    monkeypatch.setenv("NO_PROXY", "example.org")
    variables = homes.environment(home, user_home=user_home)
    assert variables["PIP_CONFIG_FILE"] == "/elsewhere/pip.conf"
    assert variables["DOCKER_CONFIG"] == "/elsewhere/docker"
    assert variables["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_a_user_without_a_pip_cache_or_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    homes.seed(tmp_path / "home", user_home=tmp_path / "nobody", texts=TEXTS)
    assert not (tmp_path / "home" / ".cache" / "pip").exists()
    assert "PIP_CONFIG_FILE" not in homes.environment(tmp_path / "home", user_home=tmp_path / "nobody")
