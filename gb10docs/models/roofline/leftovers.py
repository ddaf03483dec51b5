"""What share of each part a checkpoint's configuration leaves as it was, by its list of names and patterns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from gb10docs.models.roofline.layers import Layer

_ABOVE = ("", "model.", "model.language_model.", "language_model.model.", "backbone.", "model.backbone.")
"""What stands before a layer's name in one program or another."""
_MIXED = {
    "full": ("self_attn", ("q_proj", "k_proj", "v_proj", "o_proj")),
    "window": ("self_attn", ("q_proj", "k_proj", "v_proj", "o_proj")),
    "latent": ("self_attn", ("q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj")),
    "linear": ("linear_attn", ("in_proj_qkvz", "out_proj")),
}
_MLP = ("gate_proj", "up_proj", "down_proj")
_SIMPLE = re.compile(r"[\w.\\*|()$^:-]*")
_REPEATED_GROUP = re.compile(r"\)[*+?{]")
_MOST = 4
"""Stars in an expression that is tried: each can cost a pass over a name."""
_WORK = 50_000
"""Patterns times layers that are tried."""


class UnreadablePattern(ValueError):
    """A regular expression that is not tried, since it could take for ever."""


def shares_left(layers: tuple[Layer, ...], ignored: tuple[str, ...], *, latent: bool) -> dict[str, float]:
    """The share of the layers of each part that the list names: `attention`, `mlp` (shared experts too), `experts`.

    Raises:
        UnreadablePattern: The list has a regular expression that is not tried, or too many patterns to try.
    """
    names = {_bare(one).replace("shared_expert.", "shared_experts.") for one in ignored if _is_name(one)}
    patterns = [_pattern(one) for one in dict.fromkeys(ignored) if not _is_name(one)]
    if len(patterns) * len(layers) > _WORK:
        raise UnreadablePattern(f"{len(patterns)} patterns")
    every: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for number, layer in enumerate(layers):
        for part, modules in _modules(number, layer, latent=latent):
            found = sum(_is_in(module, names) or any(one(module) for one in patterns) for module in modules)
            every[part] += 1
            left[part] += 2 * found > len(modules)
    return {part: left[part] / every[part] for part in every if left[part]}


def _is_name(entry: str) -> bool:
    return not entry.startswith("re:") and "*" not in entry


def _bare(name: str) -> str:
    """A module's name from its layer's number on, however the program calls what is above."""
    above = next((one for one in _ABOVE if one and name.startswith(f"{one}layers.")), "")
    name = name.removeprefix(above)
    return f"{name}s" if name.endswith("shared_expert") else name


def _is_in(module: str, names: set[str]) -> bool:
    """Whether it, something above it, or the last part of its name alone, stands in the list."""
    steps = module.split(".")
    above = (".".join(steps[:end]) for end in range(len(steps), 0, -1))
    return any(one in names for one in above) or steps[-1] in names or steps[2] in names


def _modules(number: int, layer: Layer, *, latent: bool) -> Iterator[tuple[str, list[str]]]:
    """The modules of one layer by part, as most programs name them; Nemotron-H calls everything a mixer."""
    mixer, after = layer
    above = f"layers.{number}"
    halves = "none" in layer
    if mixer != "none":
        inside, names = _MIXED["latent" if latent and mixer == "full" else mixer]
        inside, names = (
            ("mixer", ("in_proj", "out_proj")) if halves and mixer == "linear" else (inside, names)
        )
        yield "attention", [f"{above}.{'mixer' if halves else inside}.{name}" for name in names]
    if after == "dense":
        yield "mlp", [f"{above}.{'mixer' if halves else 'mlp'}.{name}" for name in _MLP]
    if after == "experts":
        inside = f"{above}.{'mixer' if halves else 'mlp'}"
        yield "experts", [f"{inside}.experts.0.{name}" for name in _MLP]
        yield "mlp", [f"{inside}.shared_experts.{name}" for name in _MLP]


def _pattern(entry: str) -> Callable[[str], bool]:
    """Whether a module falls under a glob, or under `re:` and an expression."""
    if entry.startswith("re:"):
        expression = _compiled(entry[3:])
        return lambda module: any(expression.match(above + module) for above in _ABOVE)
    return lambda module: any(
        fnmatchcase(above + module, one) for above in _ABOVE for one in (entry, f"{entry}.*")
    )


def _compiled(expression: str) -> re.Pattern[str]:
    if (
        len(expression) > 200
        or not _SIMPLE.fullmatch(expression)
        or _REPEATED_GROUP.search(expression)
        or expression.count("*") > _MOST
    ):
        raise UnreadablePattern(expression[:100])
    try:
        return re.compile(expression)
    except re.error as error:
        raise UnreadablePattern(expression[:100]) from error
