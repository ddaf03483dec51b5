"""What a machine can do: bytes read per token, ceilings, cache and memory, from a model's shape.

Example:
    made = estimate(bundled("Qwen3-8B"), FORMATS["nvfp4"], MACHINES["gb10"], batch=8, context=32_768)
    made.ceiling_tok_s, made.bytes_per_token, made.verdict
"""

from gb10docs.models.roofline.catalog import MODELS, bundled, find
from gb10docs.models.roofline.estimate import BAND, OVERHEAD_BYTES, Estimate, estimate
from gb10docs.models.roofline.formats import CACHES, FORMATS, Format
from gb10docs.models.roofline.machines import MACHINES, Figure, Machine
from gb10docs.models.roofline.models import Model, from_config
from gb10docs.models.roofline.published import Measurement, published

__all__ = [
    "BAND",
    "CACHES",
    "FORMATS",
    "MACHINES",
    "MODELS",
    "OVERHEAD_BYTES",
    "Estimate",
    "Figure",
    "Format",
    "Machine",
    "Measurement",
    "Model",
    "bundled",
    "estimate",
    "find",
    "from_config",
    "published",
]
