"""NIM, NVIDIA's packaged containers: an image starts its engine by itself, told through its environment."""

from gb10docs.engines.engine import Engine

ENGINE = Engine(
    "nim",
    "NIM",
    (8000,),
    program="nim",
    starts_in="nvcr.io/nim/",
    variables=(("NIM_MODEL_PATH", "--model"), ("NIM_SERVED_MODEL_NAME", "--served-model-name")),
    length_options=("--max-model-len",),
    image="/nim/",
    version=("/v1/version", "release"),
    health="/v1/health/ready",
    counts_each_chunk=True,
)
