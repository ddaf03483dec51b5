"""A local hub: what the real `hf download` asks of Hugging Face, answered from folders on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

CHUNK = 1 << 20


def app(repos: Mapping[str, Path]) -> ASGIApp:
    """The ASGI application that serves each folder under its repository name, at any revision.

    Args:
        repos: Repository name to folder; read at each request, and any other name is a 404.
    """
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import FileResponse, JSONResponse
    from starlette.routing import Route

    class File(FileResponse):
        chunk_size = CHUNK

    async def describe(request: Request) -> Response:
        repo = request.path_params["repo"]
        if repo not in repos:
            return _absent("RepoNotFound", "Repository not found")
        siblings = [{"rfilename": path.relative_to(repos[repo]).as_posix()} for path in _files(repos[repo])]
        return JSONResponse({"id": repo, "sha": revision(repos[repo]), "siblings": siblings})

    async def list_files(request: Request) -> Response:
        repo = request.path_params["repo"]
        if repo not in repos:
            return _absent("RepoNotFound", "Repository not found")
        return JSONResponse([_entry(path, repos[repo]) for path in _files(repos[repo])])

    async def send(request: Request) -> Response:
        repo, name = request.path_params["repo"], request.path_params["name"]
        if repo not in repos:
            return _absent("RepoNotFound", "Repository not found")
        path = _held(repos[repo], name)
        if path is None:
            return _absent("EntryNotFound", "Entry not found")
        return File(path, headers={"ETag": f'"{revision(path)}"', "X-Repo-Commit": revision(repos[repo])})

    async def absent(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": error.detail}, status_code=error.status_code)

    return Starlette(
        exception_handlers={HTTPException: absent},
        routes=[
            Route("/api/models/{repo:path}/revision/{revision}", describe),
            Route("/api/models/{repo:path}/tree/{revision}", list_files),
            Route("/api/models/{repo:path}", describe),
            Route("/{repo:path}/resolve/{revision}/{name:path}", send),
        ],
    )


def revision(place: Path) -> str:
    """A folder's commit or a file's ETag: 40 digits that change with a name, a size or a time."""
    told = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in _files(place)]
    return hashlib.sha1(repr(told).encode(), usedforsecurity=False).hexdigest()


def _held(folder: Path, name: str) -> Path | None:
    """The file of that name in a folder; None where there is none, or where no file can have such a name."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None


def _entry(path: Path, folder: Path) -> dict[str, str | int]:
    name, size = path.relative_to(folder).as_posix(), path.stat().st_size
    return {"type": "file", "path": name, "size": size, "oid": revision(path)}


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]


def _absent(code: str, message: str) -> Response:
    from starlette.responses import JSONResponse

    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return JSONResponse({"error": message}, status_code=404, headers=headers)
