"""Where a model's shape is found: with gb10docs, in a folder, or on the Hugging Face Hub."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gb10docs.errors import did_you_mean
from gb10docs.models.checkpoints import configuration
from gb10docs.models.checkpoints.checkpoint import Checkpoint, open_checkpoint, open_repository
from gb10docs.models.checkpoints.declared import Declared, declared
from gb10docs.models.checkpoints.documents import BadCheckpoint, IncompleteCheckpoint, Table, parse
from gb10docs.models.checkpoints.files import LocalFiles, place
from gb10docs.models.checkpoints.hub import NoHub
from gb10docs.models.roofline.fields import BadConfig
from gb10docs.models.roofline.formats import FORMATS, UnknownFormat, format_of, leaving
from gb10docs.models.roofline.leftovers import UnreadablePattern, shares_left
from gb10docs.models.roofline.measured import measure
from gb10docs.models.roofline.models import DEFAULT_FORMAT, Model, from_config
from gb10docs.models.roofline.tables import read

UNRECORDED = "Whether this checkpoint declares a narrower KV cache is not recorded here: --cache fp8 counts it as such."
"""What is said of a checkpoint whose configuration did not come with gb10docs."""

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
            repository = _with_owner(found, row.get("checkpoints", {}))
            cache = row.get("caches", {}).get(repository)
            unsure = repository in row.get("checkpoints", {}) and cache is None
            return replace(
                model,
                format=formats[found] or model.format,
                cache=cache or model.cache,
                notes=(*model.notes, *([UNRECORDED] if unsure else [])),
            )
    return None


def _with_owner(name: str, repositories: Iterable[str]) -> str:
    """The repository that a name stands for, with or without its owner."""
    return next((one for one in repositories if name in (one, one.rpartition("/")[2])), name)


def find(name: str) -> Model:
    """A model by name, by repository, or by the folder of its `config.json`; the hub is asked last.

    Raises:
        BadConfig: Nothing of that name is found.
        BadConfig: What is found cannot be counted.
    """
    if model := known(name):
        return model
    folder = place(name)
    if folder.is_dir():
        return _from_folder(folder)
    if name.count("/") == 1 and not name.startswith(("/", ".", "~")):
        return _from_hub(name)
    raise BadConfig(
        f"no model '{name}': {did_you_mean(name, MODELS)} Or give a folder with a config.json, or the name "
        "of a repository on the Hugging Face Hub, such as Qwen/Qwen3-4B"
    )


def _from_folder(folder: Path) -> Model:
    try:
        files = LocalFiles(folder)
        documents = configuration.read(files)
    except BadCheckpoint as error:
        raise BadConfig(str(error)) from error
    if documents.config is None:
        raise BadConfig(f"{folder}: has no config.json: give the folder of a checkpoint")
    model = from_config(documents.config, folder.resolve().name, files.where(documents.name))
    if documents.declared.word and (tensors := _checkpoint(files)):
        return _as_measured(model, tensors)
    return _as_declared(model, documents.declared)


def _checkpoint(files: LocalFiles) -> Checkpoint | None:
    """The whole of it, as far as its headers; None where the weights, or some, are not there.

    Raises:
        BadConfig: What is there cannot be a checkpoint.
    """
    if not any(name.endswith(".safetensors") for name in files.names()):
        return None
    try:
        return open_checkpoint(files)
    except IncompleteCheckpoint:
        return None
    except BadCheckpoint as error:
        raise BadConfig(str(error)) from error


def _as_declared(model: Model, said: Declared) -> Model:
    """With the format and the cache that the configuration names."""
    cache = said.kv_cache.lower() or model.cache
    try:
        found = format_of(said)
        if found is None:
            return replace(model, cache=cache, assumed=True)
        found = leaving(found, shares_left(model.blocks, said.ignored, latent=model.latent))
    except UnknownFormat as error:
        return replace(model, format="", cache=cache, refusal=str(error))
    except UnreadablePattern as error:
        told = f"its list of layers that stay as they were has '{error}', which gb10docs does not try"
        return replace(model, format="", cache=cache, refusal=f"{told}: name a format with --format")
    return replace(model, format=found.name, cache=cache, own=None if found.name else found)


def _as_measured(model: Model, checkpoint: Checkpoint) -> Model:
    """With the bits that the tensors themselves have, whatever the configuration calls them."""
    declared = _as_declared(model, checkpoint.declared)
    measured = measure(checkpoint, model, FORMATS.get(declared.format) or declared.own)
    return replace(declared, own=measured, refusal="") if measured else declared


def _from_hub(repository: str) -> Model:
    """A model on the hub, by its configuration; only a mixture of formats has the headers of its tensors read too."""
    config = _document(repository, configuration.CONFIG)
    if config is None:
        near = did_you_mean(repository.partition("/")[2], MODELS)
        raise BadConfig(f"the hub has no '{repository}' with a config.json: {near}")
    said = declared(config, {})
    if not said.word:
        said = declared(config, _document(repository, configuration.HF_QUANT_CONFIG) or {})
    model = _as_declared(from_config(config, repository, _page(repository, configuration.CONFIG)), said)
    if not model.refusal or "mixed" not in said.schemes:
        return model
    try:
        return _as_measured(model, open_repository(repository))
    except (NoHub, BadCheckpoint):
        return model


def _page(repository: str, name: str) -> str:
    return f"https://huggingface.co/{repository}/blob/main/{name}"


def _document(repository: str, name: str) -> Table | None:
    """A JSON document of a repository, from the hub's cache here, or asked for once; None where there is none."""
    try:
        from huggingface_hub import get_token, hf_hub_url, try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError as error:
        raise BadConfig(
            f"no model '{repository}' here, and the hub cannot be asked: pip install 'gb10docs[course]'"
        ) from error
    try:
        cached = try_to_load_from_cache(repository, name)
        address = hf_hub_url(repository, name, endpoint=os.environ.get("HF_ENDPOINT"))
    except HFValidationError as error:
        raise BadConfig(f"'{repository}' is no name of a repository: {error}") from error
    token = get_token()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    raw = Path(cached).read_bytes() if isinstance(cached, str) else _fetch(address, repository, headers)
    try:
        return None if raw is None else parse(raw, _page(repository, name))
    except BadCheckpoint as error:
        raise BadConfig(str(error)) from error


def _fetch(address: str, repository: str, headers: dict[str, str]) -> bytes | None:
    import httpx

    try:
        answer = httpx.get(address, headers=headers, follow_redirects=True, timeout=10)
    except httpx.HTTPError as error:
        raise BadConfig(
            f"no model '{repository}' here, and the hub does not answer ({error}): "
            "give the folder of a checkpoint instead, or try again"
        ) from error
    if answer.status_code in (401, 403):
        raise BadConfig(f"the hub does not show '{repository}' to us: check the name, or `hf auth login`")
    if answer.status_code == 404:
        return None
    if not answer.is_success:
        raise BadConfig(f"{repository}: the hub answers with status {answer.status_code}: try again later")
    return answer.content
