"""vLLM, started by `vllm serve`."""

from gb10docs.engines.engine import Engine

ENGINE = Engine(
    "vllm",
    "vLLM",
    (8002,),
    program="vllm",
    served_name_options=("--served-model-name", "--served_model_name"),
    length_options=("--max-model-len",),
    names_its_model=True,
    owner="vllm",
    image="vllm",
    version=("/version", "version"),
    counts_each_chunk=True,
)
