"""The Compose services that the steps of pages start, each read once a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from gb10docs.engines.compose import Service, read_file, read_service
from gb10docs.pages.page import Page, Step

Services = Mapping[str, Service]
"""The services, by the keys of the steps that start them."""


def services_of(pages: Iterable[Page], root: Path) -> Services:
    """Read the service of every step that serves.

    Raises:
        BadService: `serves` names no Compose service that can be read; the message says at which step.
    """
    read = cache(read_file)
    serving = (step for page in pages for step in page.steps if step.snippet.header.serves)
    return {
        step.key: read_service(root, step.snippet.header.serves, place_of(step), read) for step in serving
    }


def place_of(step: Step) -> str:
    """Return where a step stands, for the beginning of a message: its page, line and snippet."""
    return f"{step.page}:{step.line} ({step.snippet.name})"
