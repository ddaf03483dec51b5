"""What the block formats share: the properties of scales, and the tensors that have none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, get_args

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from gb10docs.models.formats import blocks, fp8, int4, mxfp4, nvfp4
from gb10docs.models.formats.blocks import BadTensor

Array = NDArray[Any]
Quantize = Callable[[Array], Any]

NVFP4: dict[str, Quantize] = {
    f"nvfp4 {name}": partial(nvfp4.quantize, variant=name) for name in get_args(nvfp4.Variant)
}
MXFP4: dict[str, Quantize] = {
    f"mxfp4 {name}": partial(mxfp4.quantize, variant=name) for name in get_args(mxfp4.Variant)
}
INT4: dict[str, Quantize] = {
    "int4": partial(int4.quantize, group=32),
    "int4 with zero points": partial(int4.quantize, group=32, symmetric=False),
}
FP8: dict[str, Quantize] = {"fp8": fp8.quantize, "fp8 per row": partial(fp8.quantize, axis=-1)}
BLOCKED = NVFP4 | MXFP4 | INT4
EVERY = BLOCKED | FP8

MODERATE = st.floats(2.0**-20, 2.0**20, width=32)
MATRICES = arrays.arrays(np.float32, (3, 64), elements=MODERATE | MODERATE.map(lambda x: -x) | st.just(0.0))


def names(quantizers: dict[str, Quantize]) -> pytest.MarkDecorator:
    """A parameter for each of them."""
    return pytest.mark.parametrize("quantize", quantizers.values(), ids=quantizers)


@names(EVERY)
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(64,), (2, 64), (3, 2, 96)])
def test_codes_and_values_have_the_shape_of_the_tensor(
    quantize: Quantize, dtype: Any, shape: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    before = x.tobytes()
    quantized = quantize(x)
    assert quantized.codes.dtype == np.uint8
    assert quantized.codes.shape == shape
    assert quantized.dequantize().dtype == np.float32
    assert quantized.dequantize().shape == shape
    assert x.tobytes() == before


@names(EVERY)
@pytest.mark.parametrize("shape", [(0,), (0, 64), (4, 0)])
def test_an_empty_tensor_is_empty(quantize: Quantize, shape: tuple[int, ...]) -> None:
    quantized = quantize(np.zeros(shape, np.float32))
    assert quantized.codes.shape == quantized.dequantize().shape == shape
    assert quantized.pack().size == 0


@names(EVERY)
def test_a_tensor_need_not_be_contiguous(quantize: Quantize) -> None:
    x = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    for view in (x.T, x[:, ::-1], x[::2]):
        np.testing.assert_array_equal(quantize(view).codes, quantize(view.copy()).codes)


@names(EVERY)
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(quantize: Quantize, dtype: Any, bad: float) -> None:
    x = np.ones((4, 64), dtype)
    x[2, 33] = bad
    with pytest.raises(BadTensor, match=r"flat index 161 is (nan|inf|-inf)"):
        quantize(x)


@names(EVERY)
@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8, np.bool_, ">f4"])
def test_another_dtype_is_refused(quantize: Quantize, dtype: Any) -> None:
    with pytest.raises(BadTensor, match="expected float32 or bfloat16"):
        quantize(np.ones((2, 64), dtype))


@names(EVERY)
def test_a_single_number_is_refused(quantize: Quantize) -> None:
    with pytest.raises(BadTensor, match="at least one axis"):
        quantize(np.array(1, np.float32))


@names(EVERY)
def test_what_is_no_array_is_refused(quantize: Quantize) -> None:
    with pytest.raises(BadTensor, match="got list"):
        quantize([1.0] * 64)  # type: ignore[arg-type]


@names(BLOCKED)
@pytest.mark.parametrize("columns", [1, 15, 40, 65])
def test_a_row_that_does_not_divide_is_refused(quantize: Quantize, columns: int) -> None:
    with pytest.raises(BadTensor, match=f"holds {columns} values, which is no multiple of the block of"):
        quantize(np.ones((2, columns), np.float32))


def test_the_error_says_where_to_pad_to() -> None:
    with pytest.raises(BadTensor, match="pad it with zeros to 112"):
        nvfp4.quantize(np.ones((2, 100), np.float32))


def test_errors_are_value_errors_too() -> None:
    assert issubclass(BadTensor, ValueError)


@pytest.mark.parametrize("module", [nvfp4, mxfp4])
def test_an_unknown_variant_is_refused(module: Any) -> None:
    with pytest.raises(BadTensor, match="no variant 'modelop'; did you mean 'modelopt'"):
        module.quantize(np.ones((1, 32), np.float32), variant="modelop")


@names({name: quantize for name, quantize in EVERY.items() if not name.startswith("nvfp4")})
def test_zeros_stay_zeros(quantize: Quantize) -> None:
    assert not quantize(np.zeros((2, 64), np.float32)).dequantize().any()


@names(BLOCKED)
def test_a_block_of_zeros_among_others_stays_so(quantize: Quantize) -> None:
    x = np.ones((2, 64), np.float32)
    x[1, 32:] = 0
    assert not quantize(x).dequantize()[1, 32:].any()


@names({name: quantize for name, quantize in (NVFP4 | MXFP4).items() if "modelopt" not in name})
@settings(max_examples=10)
@given(x=MATRICES)
def test_a_tensor_of_the_other_sign_has_the_codes_of_the_other_sign(quantize: Quantize, x: Array) -> None:
    codes, other = quantize(x).codes, quantize(-x).codes
    signed = x != 0
    np.testing.assert_array_equal(codes[signed] ^ 8, other[signed])


@names(BLOCKED)
@settings(max_examples=10)
@given(x=MATRICES)
def test_each_row_is_quantized_by_itself_below_the_same_tensor_scale(quantize: Quantize, x: Array) -> None:
    x = np.vstack([x, np.array([[2.0**21] + [0] * 63], np.float32)])
    np.testing.assert_array_equal(quantize(x[[2, 1, 0, 3]]).codes, quantize(x).codes[[2, 1, 0, 3]])


def test_chunks_cover_every_block_once() -> None:
    for count, size in ((0, 16), (1, 16), (4096, 16), (4097, 16), (3, 1 << 17)):
        tensor = np.zeros((count, size), np.uint8)
        for chunk in blocks.chunks(tensor):
            tensor[chunk] += 1
        assert (tensor == 1).all()
        assert tensor.shape == (count, size)


@names(EVERY)
def test_a_tensor_of_many_chunks_is_that_of_its_parts(quantize: Quantize) -> None:
    x = np.random.default_rng(3).standard_normal((300, 512)).astype(np.float32)
    x[:, 0] = 9
    quantized = quantize(x)
    np.testing.assert_array_equal(quantized.codes[200:], quantize(x[200:]).codes)
    np.testing.assert_array_equal(quantized.dequantize()[200:], quantize(x[200:]).dequantize())
