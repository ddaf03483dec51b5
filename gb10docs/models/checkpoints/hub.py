"""The files of a repository on Hugging Face, or on whatever `HF_ENDPOINT` names, read in pieces."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cached_property
from typing import ParamSpec, TypeVar

from gb10docs.errors import GB10DocsError
from gb10docs.models.checkpoints.documents import BadCheckpoint
from gb10docs.models.checkpoints.files import check_name

TIMEOUT = 30.0
"""Seconds that the hub may stay silent."""

P = ParamSpec("P")
T = TypeVar("T")


class NoHub(GB10DocsError):
    """A hub does not answer, or does not have or give what was asked for."""


class HubFiles:
    """A repository at one commit: what `revision` names when it is first asked for."""

    def __init__(self, repo: str, revision: str | None = None) -> None:
        if importlib.util.find_spec("huggingface_hub") is None:
            raise NoHub(
                f"{repo}: no such path is here, and the hub cannot be asked: pip install 'gb10docs[course]'"
            )
        self._repo, self._asked = repo, revision

    def where(self, name: str = "") -> str:
        """The repository's name, as on the hub."""
        return f"{self._repo}/{name}" if name else self._repo

    @property
    def commit(self) -> str:
        """40 digits."""
        return self._listing[0]

    def names(self) -> list[str]:
        """Every file of the repository."""
        return sorted(self._listing[1])

    def size(self, name: str) -> int | None:
        """Bytes of a file; asked of the hub each time."""
        check_name(name, self.where())
        if name not in self._listing[1]:
            return None
        from huggingface_hub import get_hf_file_metadata

        return self._ask(get_hf_file_metadata, self._address(name), timeout=TIMEOUT).size

    def read(self, name: str, start: int, length: int) -> bytes:
        """One request is made for these bytes."""
        return self._ask(self._range, name, start, length) if length else b""

    @cached_property
    def _listing(self) -> tuple[str, frozenset[str]]:
        from huggingface_hub import HfApi

        found = self._ask(HfApi().model_info, self._repo, revision=self._asked, timeout=TIMEOUT)
        return found.sha or "main", frozenset(file.rfilename for file in found.siblings or ())

    def _address(self, name: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self._repo, name, revision=self.commit)

    def _range(self, name: str, start: int, length: int) -> bytes:
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            hf_raise_for_status,
            http_stream_backoff,
        )

        wanted = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        headers = {**build_hf_headers(), **wanted}
        with http_stream_backoff("GET", self._address(name), headers=headers, timeout=TIMEOUT) as answer:
            hf_raise_for_status(answer)
            whole = answer.status_code == 200 and start == 0
            if answer.status_code != 206 and not whole:
                raise NoHub(f"{self.where(name)}: the hub does not send parts of a file")
            found = bytearray()
            for part in answer.iter_bytes():
                found += part
                if len(found) >= length:
                    break
        if len(found) < length:
            raise NoHub(f"{self.where(name)}: the hub sent {len(found)} of {length} bytes: try again")
        return bytes(found[:length])

    def _ask(self, question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Put a question to the hub, and say what is wrong in a sentence."""
        from huggingface_hub.errors import (  # type: ignore[attr-defined]
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            HTTPError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        try:
            return question(*args, **kwargs)
        except HFValidationError as error:
            raise BadCheckpoint(f"{self._repo}: neither a path that is there nor a repository") from error
        except GatedRepoError as error:
            raise NoHub(f"{self._repo}: gated: accept its terms on the hub, then `hf auth login`") from error
        except RepositoryNotFoundError as error:
            raise NoHub(
                f"{self._repo}: neither a path that is there, nor a repository that {_endpoint()} shows you: "
                "check the name, or log in with `hf auth login`"
            ) from error
        except RevisionNotFoundError as error:
            raise NoHub(f"{self._repo}: no revision {self._asked!r}") from error
        except HfHubHTTPError as error:
            raise NoHub(
                f"{self._repo}: {_endpoint()} says {error.response.status_code}: try later"
            ) from error
        except (HTTPError, OSError) as error:
            raise NoHub(
                f"{self._repo}: no such path here, and {_endpoint()} cannot be reached "
                f"({error or type(error).__name__}): check the path, or the network and HF_ENDPOINT"
            ) from error


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)
