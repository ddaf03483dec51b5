"""Ollama, which starts without a model and pulls those that it is asked for."""

from gb10docs.engines.engine import Engine

ENGINE = Engine(
    "ollama",
    "Ollama",
    (11434,),
    program="ollama",
    owner="library",
    image="ollama",
    version=("/api/version", "version"),
    health="/api/version",
    ignores_eos=False,
    thinks_by="reasoning_effort",
    loads_gguf=True,
)
