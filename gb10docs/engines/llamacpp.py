"""llama.cpp, started by `llama-server`."""

from gb10docs.engines.engine import Engine

ENGINE = Engine(
    "llamacpp",
    "llama.cpp",
    (8080,),
    program="llama-server",
    model_options=("--model", "-m"),
    served_name_options=("--alias",),
    owner="llamacpp",
    version=("/props", "build_info"),
    loads_gguf=True,
)
