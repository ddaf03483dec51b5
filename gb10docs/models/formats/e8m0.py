"""E8M0, the scale byte of MXFP4: 2^(byte − 127), from 2⁻¹²⁷ to 2¹²⁷; 255 is NaN. No sign, no zero, no infinity.

Source: OCP Microscaling Formats (MX) v1.0, section 5.4.1,
https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
"""

from __future__ import annotations

import numpy as np

from gb10docs.models.formats.blocks import Array, BadTensor, Bytes, Floats

BIAS = 127
NAN = 255

VALUES: Floats = np.append(np.ldexp(np.float32(1), np.arange(255) - BIAS), np.nan).astype(np.float32)
"""The number that each byte stands for, float32 [256]."""


def encode(x: Array) -> Bytes:
    """The byte of each power of two, uint8, shape of x; NaN gives 255.

    Which power of two a block gets is not this format's choice: see the rules of `mxfp4`.

    Args:
        x: float32.

    Raises:
        BadTensor: a value is none of the powers of two from 2⁻¹²⁷ to 2¹²⁷.
    """
    mantissa, exponent = np.frexp(x)
    missing = np.isnan(x)
    possible = missing | ((mantissa == 0.5) & (exponent > -BIAS) & (exponent <= BIAS + 1))
    if not possible.all():
        bad = x.reshape(-1)[int(np.argmin(possible))]
        raise BadTensor(f"E8M0 holds the powers of two from 2^-127 to 2^127 and nothing else, so not {bad}.")
    return np.where(missing, NAN, exponent - 1 + BIAS).astype(np.uint8)


def decode(encoded: Bytes) -> Floats:
    """The value of each byte, float32, shape of encoded; 255 gives NaN."""
    return VALUES[encoded]
