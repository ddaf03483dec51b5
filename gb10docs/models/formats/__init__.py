"""Number formats of quantized weights, as arithmetic: each bit that a checkpoint holds, and how it came about.

Elements and scales: `e2m1`, `e4m3`, `e8m0`, `bf16`. Formats: `nvfp4`, `mxfp4`, `int4`, `fp8`. Import the module
that you need: `from gb10docs.models.formats import nvfp4`. They need `numpy` and `ml_dtypes` (extra `formats`).
"""
