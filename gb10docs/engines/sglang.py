"""SGLang, started by `python3 -m sglang.launch_server`."""

from gb10docs.engines.engine import Engine

ENGINE = Engine(
    "sglang",
    "SGLang",
    (30000,),
    program="sglang.launch_server",
    model_options=("--model-path", "--model"),
    length_options=("--context-length",),
    names_its_model=True,
    owner="sglang",
    image="sglang",
    version=("/server_info", "version"),
    counts_each_chunk=True,
)
