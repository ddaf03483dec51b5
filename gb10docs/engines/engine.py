"""An engine: what this program knows of one, so that it can read its command line, ask it and tell it from others.

Sources: each engine's request class, as its contract lists them, and the engines' pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Engine:
    """What is known of one engine beyond OpenAI's own fields."""

    name: str
    """Its name in the command line and in ledgers, such as `trtllm`."""
    title: str
    """Its name as people write it, such as `TensorRT-LLM`."""
    ports: tuple[int, ...]
    """Where the course's pages have it listen."""

    program: str = ""
    """The word of a command that starts it."""
    model_options: tuple[str, ...] = ("--model",)
    """What names the model that it loads, where the first word after the program does not."""
    served_name_options: tuple[str, ...] = ("--served-model-name",)
    """What names the model that requests carry."""
    length_options: tuple[str, ...] = ()
    """What limits the tokens of a prompt and its answer together."""
    names_its_model: bool = False
    """Whether a command that names no model is a mistake."""
    serves_by_folder: bool = False
    """Whether requests carry the last part of the model's path where no option says otherwise."""
    starts_in: str = ""
    """How the names of images begin that start it without a command."""
    variables: tuple[tuple[str, str], ...] = ()
    """What such an image is told through its environment, and the option that says the same elsewhere."""

    owner: str = ""
    """What `owned_by` in `/v1/models` says."""
    image: str = ""
    """A part of the name of its images that no other engine's has."""
    version: tuple[str, str] = ("", "")
    """The route that tells its version, and under which key."""
    health: str = "/health"
    """The route that answers 200 once it can be asked."""

    ignores_eos: bool = True
    """Whether `ignore_eos` makes it write until `max_tokens`."""
    counts_each_chunk: bool = False
    """Whether `continuous_usage_stats` puts running counts into every event."""
    thinks_by: str = "chat_template_kwargs"
    """The field that switches thinking: `chat_template_kwargs`, `reasoning_effort`, or none where empty."""
    loads_gguf: bool = False
    """Whether its files are GGUF, which declares no KV cache: that has 16 bits unless the engine is told otherwise."""

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


PLAIN = Engine("", "an OpenAI-compatible server", (), ignores_eos=False, thinks_by="")
"""What may be asked of a server that is none of those known here."""
