"""YAML read within bounds: a few lines of it may write out, by aliases, to more than any memory holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yaml import Node

LARGEST = 100_000
"""Values that a text may write out to."""


class TooLarge(ValueError):
    """A text that writes out to too much."""


def load(text: str, loader: type | None = None) -> Any:
    """What a YAML text says; `loader` is a SafeLoader, or a class made from it.

    Raises:
        TooLarge: It writes out to more than `LARGEST` values, or holds itself.
        yaml.YAMLError: It is no YAML.
        ValueError: A value is none of its kind, such as a date that there is not.
        RecursionError: It is nested too deeply.
    """
    import yaml

    reader = (loader or yaml.SafeLoader)(text)
    try:
        node = reader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > LARGEST:
            raise TooLarge(f"it writes out to more than {LARGEST} values")
        return reader.construct_document(node)
    finally:
        reader.dispose()


def _size(node: Node, known: dict[int, float]) -> float:
    """How many values a node writes out to; without end where it holds itself."""
    if id(node) not in known:
        known[id(node)] = float("inf")
        inner = node.value if isinstance(node.value, list) else []
        parts = (part for one in inner for part in (one if isinstance(one, tuple) else (one,)))
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]
