"""The lesson's own file makes real NVFP4 checkpoints, and what is not whole does not pass for one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from real import plain as plain
from real import w4a4 as w4a4
from real import weight_only as weight_only

from gb10docs.standins import NoStandIn, catalog, folder, nvfp4, widened

pytestmark = pytest.mark.engines


def inspect(checkpoint: Path, expected: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gb10docs", "inspect", str(checkpoint), "--expect", expected]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("kind", "is_", "is_not"), [("w4a4", "nvfp4", "w4a16_nvfp4"), ("weight_only", "w4a16_nvfp4", "nvfp4")]
)
def test_a_checkpoint_is_of_its_kind(
    kind: str, is_: str, is_not: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(kind)
    done = inspect(made, is_)
    assert done.returncode == 0, done.stderr
    assert "16 values" in done.stdout
    assert "model.embed_tokens" in done.stdout
    assert inspect(made, is_not).returncode == 1
    quantization = json.loads((made / "hf_quant_config.json").read_text())["quantization"]
    assert quantization["group_size"] == 16
    assert {"lm_head", "model.embed_tokens"} <= set(quantization["exclude_modules"])
    assert json.loads((made / "tokenizer_config.json").read_text())["tokenizer_class"]


def test_it_shrinks_by_what_is_not_an_embedding(w4a4: Path, plain: Path) -> None:
    small, large = ((one / "model.safetensors").stat().st_size for one in (w4a4, plain))
    assert 0.42 < small / large < 0.44


def _cut(copy: Path) -> None:
    with (copy / "model.safetensors").open("r+b") as file:
        file.truncate(50_000_000)


def _forgotten(copy: Path) -> None:
    (copy / "model.safetensors").unlink()


def _without_a_scale(copy: Path) -> None:
    path = copy / "model.safetensors"
    data = path.read_bytes()
    name = b"model.layers.7.mlp.up_proj.weight_scale_2"
    assert data.count(name) == 1
    path.write_bytes(data.replace(name, b"model.layers.7.mlp.up_proj.somethingelse2"))


@pytest.mark.parametrize("harm", [_cut, _forgotten, _without_a_scale], ids=lambda harm: harm.__name__)
def test_what_is_not_whole_is_refused(w4a4: Path, tmp_path: Path, harm: object) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(w4a4, copy)
    assert callable(harm)
    harm(copy)
    done = inspect(copy, "nvfp4")
    assert done.returncode in {1, 2}, done.stdout
    assert done.stderr.startswith("gb10docs: ")


def test_a_folder_for_a_gpu_without_a_hub(tmp_path: Path) -> None:
    folder.make(tmp_path / "hub")
    served = tmp_path / "hub" / folder.SERVED
    assert inspect(served, "w4a16_nvfp4").returncode == 0
    assert json.loads((served / "config.json").read_text())["hidden_size"] == widened.WIDTH
    assert json.loads((served / catalog.MARK).read_text()) == {
        "name": "SmolLM2-135M-Instruct, 768 wide, in NVFP4"
    }
    assert (tmp_path / "hub" / folder.BASE / "model.safetensors").is_file()


def test_a_failure_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(NoStandIn, match=r"quantize.py: .* was not quantized"):
        nvfp4.quantize(tmp_path, tmp_path / "out", nvfp4.WEIGHT_ONLY)
