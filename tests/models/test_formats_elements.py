"""E2M1, E4M3, E8M0 and BF16: every code, every tie, every edge."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gb10docs.models.formats import bf16, e2m1, e4m3, e8m0
from gb10docs.models.formats.blocks import BadTensor

FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def every_bf16() -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """All 65,536 bit patterns as float32."""
    return (np.arange(1 << 16, dtype=np.uint32) << 16).view(np.float32)


def test_e2m1_has_eight_magnitudes_and_a_sign() -> None:
    assert e2m1.VALUES[:8].tolist() == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    np.testing.assert_array_equal(e2m1.VALUES[8:], -e2m1.VALUES[:8])
    assert np.signbit(e2m1.VALUES[8])


def test_each_e2m1_code_encodes_its_own_value() -> None:
    codes = np.arange(16, dtype=np.uint8)
    np.testing.assert_array_equal(e2m1.encode(e2m1.decode(codes)), codes)


def test_a_tie_goes_to_the_even_code() -> None:
    ties = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5], np.float32)
    np.testing.assert_array_equal(e2m1.MIDPOINTS, ties)
    assert e2m1.encode(ties).tolist() == [0, 2, 2, 4, 4, 6, 6]
    assert e2m1.encode(-ties).tolist() == [8, 10, 10, 12, 12, 14, 14]
    assert e2m1.encode(ties, ties="zero").tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("ties", ["even", "zero"])
def test_beside_a_tie_the_nearer_code_wins(ties: e2m1.Ties) -> None:
    above = np.nextafter(e2m1.MIDPOINTS, np.float32(7))
    below = np.nextafter(e2m1.MIDPOINTS, np.float32(0))
    assert e2m1.encode(above, ties=ties).tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert e2m1.encode(below, ties=ties).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_e2m1_saturates_and_has_no_nan() -> None:
    beyond = np.array([6.01, 7, 1e30, np.inf, -np.inf, np.nan], np.float32)
    assert e2m1.encode(beyond).tolist() == [7, 7, 7, 7, 15, 7]


def test_e2m1_agrees_with_ml_dtypes_on_every_bf16_value() -> None:
    x = every_bf16()
    x = x[~np.isnan(x)]
    np.testing.assert_array_equal(e2m1.encode(x), x.astype(ml_dtypes.float4_e2m1fn).view(np.uint8))


@given(FINITE)
def test_no_e2m1_value_is_nearer(x: float) -> None:
    value = float(e2m1.decode(e2m1.encode(np.array([x], np.float32)))[0])
    assert abs(value - x) == min(abs(float(other) - x) for other in e2m1.VALUES)


def test_the_sign_bit_can_be_given() -> None:
    x = np.array([-0.0, -1, 1], np.float32)
    assert e2m1.encode(x).tolist() == [8, 10, 2]
    assert e2m1.encode(x, negative=x < 0).tolist() == [0, 10, 2]


def test_the_even_column_is_in_the_low_nibble() -> None:
    codes = np.array([[1, 2, 3, 15], [0, 8, 7, 0]], np.uint8)
    assert e2m1.pack(codes).tolist() == [[0x21, 0xF3], [0x80, 0x07]]
    np.testing.assert_array_equal(e2m1.unpack(e2m1.pack(codes)), codes)


def test_unpacking_every_byte_and_packing_it_again() -> None:
    packed = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    assert e2m1.unpack(packed).shape == (4, 8, 16)
    np.testing.assert_array_equal(e2m1.pack(e2m1.unpack(packed)), packed)


@pytest.mark.parametrize(
    "codes",
    [
        np.array([1, 2, 3], np.uint8),
        np.array([16, 0], np.uint8),
        np.array([1, 2], np.int64),
        np.array(1, np.uint8),
    ],
)
def test_what_cannot_be_packed(codes: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    with pytest.raises(BadTensor):
        e2m1.pack(codes)


@pytest.mark.parametrize("packed", [np.array([1], np.int8), np.array(1, np.uint8)])
def test_what_cannot_be_unpacked(packed: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    with pytest.raises(BadTensor, match="rows of uint8"):
        e2m1.unpack(packed)


def test_e4m3_bytes() -> None:
    x = np.array([0, 2**-9, 2**-6, 1, 1.0625, 1.1875, 448, -448, 2**-10], np.float32)
    assert e4m3.encode(x).tolist() == [0, 0x01, 0x08, 0x38, 0x38, 0x3A, 0x7E, 0xFE, 0x00]


def test_each_e4m3_byte_encodes_its_own_value() -> None:
    encoded = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(e4m3.encode(e4m3.decode(encoded)), encoded)


def test_e4m3_saturates_where_ml_dtypes_gives_nan() -> None:
    x = np.array([464, 464.1, 465, 1e30, np.inf, -np.inf], np.float32)
    assert e4m3.encode(x).tolist() == [0x7E, 0x7E, 0x7E, 0x7E, 0x7E, 0xFE]
    with np.errstate(over="ignore"):
        assert np.isnan(x[1:].astype(ml_dtypes.float8_e4m3fn).astype(np.float32)).all()


def test_e4m3_keeps_nan() -> None:
    assert np.isnan(e4m3.decode(e4m3.encode(np.array([np.nan, -np.nan], np.float32)))).all()
    assert np.isnan(e4m3.decode(np.array([0x7F, 0xFF], np.uint8))).all()


@given(st.floats(-448, 448, width=32))
def test_no_e4m3_value_is_nearer(x: float) -> None:
    value = float(e4m3.decode(e4m3.encode(np.array([x], np.float32)))[0])
    assert abs(value - x) == min(abs(float(other) - x) for other in e4m3.VALUES if other == other)


def test_e8m0_is_the_powers_of_two() -> None:
    encoded = np.arange(256, dtype=np.uint8)
    values = e8m0.decode(encoded)
    assert values[[0, 126, 127, 128, 254]].tolist() == [2.0**-127, 0.5, 1, 2, 2.0**127]
    assert np.isnan(values[255])
    np.testing.assert_array_equal(e8m0.encode(values), encoded)


@pytest.mark.parametrize("x", [0, -1, 3, 1.5, np.inf, 2.0**-128, 2.0**128, 2.0**-149])
def test_what_e8m0_does_not_hold(x: float) -> None:
    with pytest.raises(BadTensor, match="powers of two"):
        e8m0.encode(np.array([1, x], np.float64))


def test_bf16_rounds_ties_to_even() -> None:
    x = np.array([1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, 3.3895314e38, 3.4028235e38], np.float32)
    assert bf16.round(x).tolist() == [1, 1 + 2**-6, 1 + 2**-7, float(np.float32(3.3895314e38)), np.inf]


def test_bf16_packs_the_lower_byte_first() -> None:
    quantized = bf16.quantize(np.array([[1, -2]], np.float32))
    assert quantized.codes.tolist() == [[0x3F80, 0xC000]]
    assert quantized.pack().tolist() == [[0x80, 0x3F, 0x00, 0xC0]]
    assert bf16.unpack(quantized.pack()).dequantize().tolist() == [[1, -2]]
    assert quantized.bits_per_value == 16


def test_every_bf16_value_is_its_own() -> None:
    x = every_bf16()
    x = x[~np.isnan(x)]
    np.testing.assert_array_equal(bf16.round(x).view(np.uint32), x.view(np.uint32))
    np.testing.assert_array_equal(bf16.unpack(bf16.quantize(x).pack()).dequantize(), x)


@pytest.mark.parametrize("packed", [np.array([1, 2, 3], np.uint8), np.array([1, 2], np.uint16)])
def test_what_is_no_bf16(packed: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
    with pytest.raises(BadTensor, match="byte pairs"):
        bf16.unpack(packed)
