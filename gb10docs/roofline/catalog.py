"""Where a model's shape is found: with gb10docs, in a folder, or on the Hugging Face Hub."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from gb10docs.errors import GB10DocsError, did_you_mean
from gb10docs.roofline.formats import format_of
from gb10docs.roofline.models import DEFAULT_FORMAT, BadConfig, Model, from_config
from gb10docs.roofline.tables import read


class UnknownModel(GB10DocsError):
    """A name that is no model here, no folder, and nothing that the hub has."""


MODELS = tuple(read("models"))
"""Names of the models whose shapes come with gb10docs."""


def bundled(name: str) -> Model:
    """A model that comes with gb10docs, by its name."""
    row = read("models")[name]
    address = f"https://huggingface.co/{row['repository']}/blob/main/config.json"
    return from_config(row["config"], name, address, row.get("format", DEFAULT_FORMAT))


def known(name: str) -> Model | None:
    """A bundled model by its name, its repository or one of its checkpoints, with or without their owner."""
    for bundle, row in read("models").items():
        formats = {bundle: "", row["repository"]: "", **row.get("checkpoints", {})}
        formats |= {spelling.rpartition("/")[2]: format_name for spelling, format_name in formats.items()}
        found = next((spelling for spelling in formats if spelling.lower() == name.lower()), None)
        if found is not None:
            model = bundled(bundle)
            return replace(model, format=formats[found] or model.format)
    return None


def find(name: str) -> Model:
    """A model by name, by repository, or by the folder of its `config.json`; the hub is asked last.

    Raises:
        UnknownModel: Nothing of that name is found.
        BadConfig: What is found cannot be counted.
    """
    if model := known(name):
        return model
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _from_folder(folder)
    if name.count("/") == 1 and not name.startswith(("/", ".", "~")):
        return _from_hub(name)
    raise UnknownModel(
        f"no model '{name}': {did_you_mean(name, MODELS)} Or give a folder with a config.json, or the name "
        "of a repository on the Hugging Face Hub, such as Qwen/Qwen3-4B"
    )


def _from_folder(folder: Path) -> Model:
    path = folder / "config.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UnknownModel(f"{folder}: has no config.json: give the folder of a checkpoint") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: cannot be read: {error}") from error
    return _from_text(text, folder.resolve().name, str(path))


def _from_text(text: str, name: str, source: str) -> Model:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadConfig(f"{source}: is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise BadConfig(f"{source}: is no JSON object")
    return from_config(config, name, source, format_of(config) or DEFAULT_FORMAT)


def _from_hub(repository: str) -> Model:
    """A model on the hub, by the `config.json` in the hub's cache here, or asked for once."""
    try:
        from huggingface_hub import get_token, hf_hub_url, try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError as error:
        raise UnknownModel(
            f"no model '{repository}' here, and the hub cannot be asked: pip install 'gb10docs[course]'"
        ) from error
    try:
        cached = try_to_load_from_cache(repository, "config.json")
        address = hf_hub_url(repository, "config.json", endpoint=os.environ.get("HF_ENDPOINT"))
    except HFValidationError as error:
        raise UnknownModel(f"'{repository}' is no name of a repository: {error}") from error
    page = f"https://huggingface.co/{repository}/blob/main/config.json"
    if isinstance(cached, str):
        return _from_text(Path(cached).read_text(encoding="utf-8"), repository, page)
    token = get_token()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return _from_text(_fetch(address, repository, headers), repository, page)


def _fetch(address: str, repository: str, headers: dict[str, str]) -> str:
    import httpx

    try:
        answer = httpx.get(address, headers=headers, follow_redirects=True, timeout=10)
    except httpx.HTTPError as error:
        raise UnknownModel(
            f"no model '{repository}' here, and the hub does not answer ({error}): "
            "give the folder of a checkpoint instead, or try again"
        ) from error
    if answer.status_code in (401, 403):
        raise UnknownModel(f"the hub does not show '{repository}' to us: check the name, or `hf auth login`")
    if answer.status_code == 404:
        near = did_you_mean(repository.partition("/")[2], MODELS)
        raise UnknownModel(f"the hub has no '{repository}' with a config.json: {near}")
    if not answer.is_success:
        raise UnknownModel(f"{repository}: the hub answers with status {answer.status_code}: try again later")
    return answer.text
