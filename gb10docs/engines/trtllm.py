"""TensorRT-LLM, NVIDIA's engine, started by `trtllm-serve`."""

from gb10docs.engines.engine import Engine

ENGINE = Engine(
    "trtllm",
    "TensorRT-LLM",
    (8001,),
    program="trtllm-serve",
    served_name_options=("--served_model_name", "--served-model-name"),
    length_options=("--max_seq_len",),
    names_its_model=True,
    serves_by_folder=True,
    owner="tensorrt_llm",
    image="tensorrt-llm",
    version=("/version", "version"),
    counts_each_chunk=True,
)
