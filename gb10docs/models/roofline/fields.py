"""The fields of a `config.json`, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gb10docs.errors import GB10DocsError


class BadConfig(GB10DocsError):
    """A `config.json` from which the weights cannot be counted."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one configuration; `where` begins the message of an error."""

    config: Mapping[str, Any]
    where: str

    def text(self, field: str, default: str = "") -> str:
        """A text; the default where it is none."""
        value = self.config.get(field)
        return value if isinstance(value, str) else default

    def flag(self, field: str, default: bool = False) -> bool:
        """Whether something is so."""
        value = self.config.get(field)
        return value if isinstance(value, bool) else default

    def listed(self, field: str) -> list[Any] | None:
        """A list; None where it is none."""
        value = self.config.get(field)
        return value if isinstance(value, list) else None

    def table(self, field: str) -> Fields | None:
        """A configuration within this one; None where there is none."""
        value = self.config.get(field)
        return Fields(value, f"{self.where}: {field}") if isinstance(value, dict) and value else None

    def count(self, *fields: str, default: int | None = None, least: int | None = None) -> int:
        """A whole number, in the first of the fields that is there; one that has no default is more than 0.

        Args:
            fields: Names for the same.
            default: What it is where none is there; without one, the first is needed.
            least: The smallest that it can be, where that is not told by its having a default.

        Raises:
            BadConfig: None is there, or the first is no such number.
        """
        field = next((one for one in fields if self.config.get(one) is not None), fields[0])
        value = self.config.get(field)
        value = default if value is None else value
        if value is None:
            raise BadConfig(f"{self.where}: has no '{field}': without it the weights cannot be counted")
        least = least if least is not None else 1 if default is None else 0
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**31:
            told = repr(value)
            told = told if len(told) < 100 else f"{told[:100]}…"
            raise BadConfig(f"{self.where}: '{field}' is {told}: it should be a whole number from {least}")
        return value
