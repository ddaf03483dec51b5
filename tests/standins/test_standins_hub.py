"""The local hub, spoken to by the real `hf`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gb10docs.standins import weights
from gb10docs.standins.host import Host

REPO = "nvidia/Qwen3-8B-NVFP4"
HF = str(Path(sys.executable).with_name("hf"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    (folder / "config.json").write_text("{}")
    (folder / "nested").mkdir()
    (folder / "nested" / "model.safetensors").write_bytes(os.urandom(3_000_000))
    return folder


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("host") / "log"
    host = Host(weights.smollm2(weights.default_store()), stderr=log, env=os.environ)
    host.start()
    port = host.hub({REPO: folder})
    assert host.hub({"nvidia/Qwen3-14B-NVFP4": folder}) == port
    yield f"http://127.0.0.1:{port}"
    host.stop()


@pytest.fixture
def hf(address: str, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HF_ENDPOINT": address,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


def _download(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HF, "download", *arguments], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("repo", [REPO, "nvidia/Qwen3-14B-NVFP4"])
def test_a_whole_repository(hf: dict[str, str], folder: Path, tmp_path: Path, repo: str) -> None:
    result = _download(hf, repo, "--local-dir", str(tmp_path / "model"))
    assert result.returncode == 0, result.stderr
    for name in ("config.json", "nested/model.safetensors"):
        assert (tmp_path / "model" / name).read_bytes() == (folder / name).read_bytes()


def test_a_part_of_a_repository(hf: dict[str, str], tmp_path: Path) -> None:
    result = _download(hf, REPO, "--include", "*.json", "--local-dir", str(tmp_path / "model"))
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "model" / "nested").exists()


def test_another_name_is_not_found(hf: dict[str, str], tmp_path: Path) -> None:
    result = _download(hf, "nvidia/Qwen3-8B-NVFP5", "--local-dir", str(tmp_path / "model"))
    assert result.returncode != 0
    assert "not found" in result.stderr


def test_another_file_is_not_found(hf: dict[str, str]) -> None:
    result = _download(hf, REPO, "params.json")
    assert result.returncode != 0
    assert "not found" in result.stderr


def test_head_ranges_and_error_codes(address: str, folder: Path) -> None:
    content = (folder / "nested" / "model.safetensors").read_bytes()
    file = f"{address}/{REPO}/resolve/main/nested/model.safetensors"
    head = httpx.head(file)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(content)))
    assert len(head.headers["x-repo-commit"]) == 40
    assert head.headers["etag"].strip('"')
    part = httpx.get(file, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, content[100:200])
    assert httpx.get(f"{address}/api/models/who/what").headers["x-error-code"] == "RepoNotFound"
    assert httpx.get(f"{address}/{REPO}/resolve/main/none").headers["x-error-code"] == "EntryNotFound"


def test_nothing_beside_the_folder_is_served(address: str, folder: Path) -> None:
    (folder.parent / "secret").write_text("x")
    assert httpx.get(f"{address}/{REPO}/resolve/main/..%2Fsecret").status_code == 404


def test_a_changed_folder_is_another_revision(address: str, folder: Path) -> None:
    before = httpx.get(f"{address}/api/models/{REPO}").json()["sha"]
    os.utime(folder / "config.json", ns=(1, 1))
    assert httpx.get(f"{address}/api/models/{REPO}").json()["sha"] != before


@pytest.mark.parametrize(
    "path",
    [
        f"/{REPO}/resolve/main/%00",
        f"/{REPO}/resolve/main/config.json%00",
        f"/{REPO}/resolve/main/{'a' * 300}",
        f"/{REPO}/resolve/main/{'a/' * 3000}",
        f"/{REPO}/resolve/main/%ff%fe",
        f"/{REPO}/resolve/main/a%0ab",
        f"/{REPO}/resolve/main/../../../../etc/passwd",
        f"/{REPO}/resolve/main/..%2f..%2f..%2fetc%2fpasswd",
        f"/{REPO}/resolve/%00/nothing.json",
        "/api/models/%00",
        f"/api/models/{'a' * 5000}",
        f"/api/models/{'a' * 300}/revision/main",
        "/%00",
        "/nowhere",
    ],
    ids=lambda path: path[:40],
)
def test_names_that_no_file_can_have(address: str, path: str) -> None:
    answer = httpx.get(f"{address}{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


def test_a_method_that_a_hub_has_not(address: str) -> None:
    answer = httpx.post(f"{address}/api/models/{REPO}", content=b"{}")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/json")
