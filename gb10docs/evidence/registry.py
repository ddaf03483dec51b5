"""What a registry has under a tag today, and a hub under a model's name: asked through their public APIs.

The registry's is https://github.com/opencontainers/distribution-spec/blob/main/spec.md, with the token
authentication of https://distribution.github.io/distribution/spec/auth/token/.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gb10docs.errors import GB10DocsError

if TYPE_CHECKING:
    import httpx

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
"""An image's list of architectures before a single one: that is whose digest `docker pull` records."""
_NGC = ("nvcr.io", "$oauthtoken", "NGC_API_KEY")
"""NVIDIA's registry, the user that goes with a key, and the variable that holds one."""
_PATIENCE_S = 15.0
_LONGEST = 2**22
"""Bytes: more than the longest manifest (4 MiB is what registries take) is no answer."""
_OF_THE_BODY = {b"content-encoding", b"content-length", b"transfer-encoding"}
"""Headers that speak of a body as it was sent, which ours is no more."""


class UnknownUpstream(GB10DocsError):
    """A registry or hub that does not answer, or does not tell."""


def image_digest(reference: str) -> str:
    """`sha256:…` of what a tag names now.

    Raises:
        UnknownUpstream: The registry does not answer, has no such tag, or wants a login.
    """
    host, name, tag = _parts(reference)
    address = f"{_scheme(host)}://{host}/v2/{name}/manifests/{tag}"
    with _client() as client:
        headers = {"Accept": ", ".join(_MANIFESTS)}
        answer = _ask(client, "HEAD", address, headers=headers)
        if answer.status_code == 401:
            headers["Authorization"] = _token(client, host, answer.headers.get("WWW-Authenticate", ""))
            answer = _ask(client, "HEAD", address, headers=headers)
        digest = answer.headers.get("Docker-Content-Digest", "")
        if answer.status_code == 200 and not digest:
            answer = _ask(client, "GET", address, headers=headers)
            digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
    if answer.status_code != 200 or not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise UnknownUpstream(f"{host} answers {answer.status_code}{_hint(host, answer.status_code)}")
    return str(digest)


def model_revision(repository: str) -> str:
    """The commit that a model's main branch is at now.

    Raises:
        UnknownUpstream: The hub does not answer, or has no such model.
    """
    hub = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    with _client() as client:
        answer = _ask(client, "GET", f"{hub}/api/models/{repository}")
    try:
        revision = str(answer.json()["sha"]) if answer.status_code == 200 else ""
    except (KeyError, TypeError, ValueError):
        revision = ""
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UnknownUpstream(f"{urlsplit(hub).netloc} answers {answer.status_code}")
    return revision


def _client() -> httpx.Client:
    import httpx

    return httpx.Client(timeout=_PATIENCE_S, follow_redirects=True)


def _ask(client: httpx.Client, method: str, address: str, **how: Any) -> httpx.Response:
    """The answer to a request, as far as it is worth reading.

    Raises:
        UnknownUpstream: There is none in time, it has no end, or the address is none.
    """
    import httpx

    end = time.monotonic() + _PATIENCE_S
    try:
        with client.stream(method, address, **how) as answer:
            body = b""
            for part in answer.iter_bytes():
                body += part
                if len(body) > _LONGEST or time.monotonic() > end:
                    raise UnknownUpstream(f"{answer.url.host} does not come to an end")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise UnknownUpstream(
            f"{_host(address)} does not answer ({error or type(error).__name__})"
        ) from error
    told = [(name, value) for name, value in answer.headers.raw if name.lower() not in _OF_THE_BODY]
    return httpx.Response(answer.status_code, headers=told, content=body)


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0]


def _token(client: httpx.Client, host: str, challenge: str) -> str:
    """What to send as authorization: anonymous, or with the key that the environment holds for this registry."""
    import httpx

    said = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = said.get("realm", "")
    if not challenge.lower().startswith("bearer ") or urlsplit(realm).scheme not in {"https", _scheme(host)}:
        raise UnknownUpstream(f"{host} asks for a login of a kind that is not known here")
    registry, user, variable = _NGC
    key = os.environ.get(variable, "") if host == registry == urlsplit(realm).hostname else ""
    wanted = {name: said[name] for name in ("service", "scope") if name in said}
    auth = httpx.BasicAuth(user, key) if key else None
    answer = _ask(client, "GET", realm, params=wanted, auth=auth)
    try:
        told = answer.json() if answer.status_code == 200 else {}
        token = told.get("token") or told.get("access_token")
    except (AttributeError, ValueError):
        token = ""
    if not isinstance(token, str) or not token.isprintable() or not token:
        raise UnknownUpstream(f"{host} gives no token ({answer.status_code}){_hint(host, 401)}")
    return f"Bearer {token}"


def _hint(host: str, status: int) -> str:
    registry, _, variable = _NGC
    return f"; set {variable}" if status in {401, 403} and host == registry else ""


def _parts(reference: str) -> tuple[str, str, str]:
    """Registry, repository and tag, as Docker reads a reference."""
    head, slash, rest = reference.partition("/")
    named = slash and (head == "localhost" or "." in head or ":" in head)
    host, name = (head, rest) if named else ("registry-1.docker.io", reference)
    name, _, tag = name.partition(":")
    return host, name if named or slash else f"library/{name}", tag or "latest"


def _scheme(host: str) -> str:
    """Plain only for this machine, as Docker has it."""
    return "http" if host.partition(":")[0] in {"127.0.0.1", "localhost"} else "https"
