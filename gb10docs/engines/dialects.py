"""How each engine is told what a benchmark needs: where it listens, how long to answer, whether to think.

Sources: each engine's request class, as listed in `gb10docs/standins/fields.json` and on the engines' pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gb10docs.errors import GB10DocsError, did_you_mean


class UnknownEngineError(GB10DocsError):
    """No engine goes by that name here."""


@dataclass(frozen=True)
class Dialect:
    """What one engine understands beyond OpenAI's own fields."""

    engine: str
    title: str

    ports: tuple[int, ...]
    """Where the course's pages have it listen."""

    ignores_eos: bool = True
    """Whether `ignore_eos` makes it write until `max_tokens`."""

    counts_each_chunk: bool = False
    """Whether `continuous_usage_stats` puts running counts into every event."""

    thinks_by: str = "chat_template_kwargs"
    """The field that switches thinking: `chat_template_kwargs`, `reasoning_effort`, or none where empty."""

    @property
    def fixed_length(self) -> dict[str, Any]:
        """Fields that make every answer as long as `max_tokens` says."""
        return {"ignore_eos": True} if self.ignores_eos else {}

    @property
    def stream_options(self) -> dict[str, Any]:
        """What to ask for beside the text of a stream."""
        each = {"continuous_usage_stats": True} if self.counts_each_chunk else {}
        return {"include_usage": True, **each}

    def thinking(self, on: bool) -> dict[str, Any]:
        """Fields that let the model think, or not."""
        if self.thinks_by == "chat_template_kwargs":
            return {"chat_template_kwargs": {"enable_thinking": on}}
        return {"reasoning_effort": "medium" if on else "none"} if self.thinks_by else {}


DIALECTS = (
    Dialect("trtllm", "TensorRT-LLM", (8001,), counts_each_chunk=True),
    Dialect("vllm", "vLLM", (8002,), counts_each_chunk=True),
    Dialect("nim", "NIM", (8000,), counts_each_chunk=True),
    Dialect("sglang", "SGLang", (30000,), counts_each_chunk=True),
    Dialect("ollama", "Ollama", (11434,), ignores_eos=False, thinks_by="reasoning_effort"),
    Dialect("llamacpp", "llama.cpp", (8080,)),
)

TITLES = {each.engine: each.title for each in DIALECTS}
"""An engine's name as people write it."""

PLAIN = Dialect("", "an OpenAI-compatible server", (), ignores_eos=False, thinks_by="")
"""What may be asked of a server that is none of these."""


def dialect(engine: str) -> Dialect:
    """The dialect of an engine; `PLAIN` for an empty name.

    Raises:
        UnknownEngineError: No engine goes by that name.
    """
    if not engine:
        return PLAIN
    known = {each.engine: each for each in DIALECTS}
    if engine not in known:
        raise UnknownEngineError(f"no engine is called '{engine}'; {did_you_mean(engine, known)}")
    return known[engine]
