"""A wider shape of the same function: the logits are those of the narrow one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama import load, logits

from gb10docs.standins import NoStandIn, checkpoint, weights, widened

TOKENS = [537, 827, 1296, 1876, 537, 827, 1296]


@pytest.fixture(scope="module")
def narrow() -> Path:
    store = weights.default_store()
    return checkpoint.smollm2(weights.smollm2(store), store)


def _shallow(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A checkpoint less its upper layers, which are like the lower ones."""
    config, tensors = load(folder)
    return {**config, "num_hidden_layers": 5}, tensors


@pytest.fixture(scope="module")
def before(narrow: Path) -> Any:
    return logits(*_shallow(narrow), TOKENS)


def test_says_the_same(narrow: Path, before: Any) -> None:
    config, tensors = _shallow(narrow)
    wide_config, wide = widened.widen(config, tensors, 768)
    after = logits(wide_config, dict(wide), TOKENS)
    assert np.abs(after - before).max() < 1e-4 * np.abs(before).max()
    assert after.argmax() == before.argmax()


def test_every_row_is_a_multiple_of_what_marlin_wants(narrow: Path, before: Any, tmp_path: Path) -> None:
    widened.write(narrow, tmp_path / "wide")
    config, tensors = load(tmp_path / "wide")
    assert {name: config[name] for name in ("hidden_size", "num_attention_heads", "num_key_value_heads")} == {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "num_key_value_heads": 4,
    }
    matrices = {name: array for name, array in tensors.items() if "proj" in name}
    assert len(matrices) == 30 * 7
    assert all(array.shape[1] % 128 == 0 and array.shape[0] % 64 == 0 for array in matrices.values())
    assert {path.name for path in narrow.iterdir()} == {path.name for path in (tmp_path / "wide").iterdir()}
    assert logits(*_shallow(tmp_path / "wide"), TOKENS).argmax() == before.argmax()


def test_the_old_values_keep_their_place(narrow: Path) -> None:
    config, tensors = load(narrow)
    _, wide = widened.widen(config, tensors, 768)
    for name in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj", "mlp.down_proj"):
        old, new = (some[f"model.layers.7.{name}.weight"] for some in (tensors, wide))
        rows, columns = old.shape
        assert np.array_equal(new[:rows, :columns], old)
        assert np.count_nonzero(new) == np.count_nonzero(old)


@pytest.mark.parametrize("width", [576, 600, 512])
def test_a_width_that_the_shape_cannot_have(narrow: Path, width: int) -> None:
    config: dict[str, Any] = json.loads((narrow / "config.json").read_text())
    with pytest.raises(NoStandIn, match="multiple of 192"):
        widened.widen(config, {}, width)
