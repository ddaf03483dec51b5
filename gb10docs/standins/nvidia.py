"""What a run on another NVIDIA GPU stands on: vLLM as a process, and a hub made of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gb10docs.engines.compose import Service
from gb10docs.engines.vllm_process import VllmProcess
from gb10docs.standins import hub
from gb10docs.standins.llamacpp import Listener


class FolderSupply:
    """A folder of checkpoints served as a hub, and vLLM for the services of pages.

    Args:
        folder: The checkpoints; None where models come from the hub itself.
        scratch: The run's temporary folder.
        vllm: The distribution of vLLM that answers.
    """

    def __init__(self, folder: Path | None, scratch: Path, *, vllm: str) -> None:
        self._package, self._scratch = vllm, scratch
        self._hub = Listener(hub.app(_checkpoints(folder)), log_level="warning") if folder else None

    def environment(self) -> dict[str, str]:
        """The variables that a session gets on top of the user's own."""
        if not self._hub:
            return {}
        told = {"HF_ENDPOINT": f"http://127.0.0.1:{self._hub.port}", "NO_PROXY": "127.0.0.1,localhost"}
        return told | {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": ""}

    def serve(self, service: Service, _model: str, environment: Mapping[str, str]) -> VllmProcess:
        """Answer for a Compose service on its port."""
        return VllmProcess(service, environment, self._scratch, package=self._package)

    def processes(self) -> set[int]:
        """Return no process, since the hub is a thread of ours."""
        return set()

    def close(self) -> None:
        """Close the hub."""
        if self._hub:
            self._hub.close()


def _checkpoints(folder: Path) -> dict[str, Path]:
    """Every folder in it with a config.json, by its name on the hub."""
    return {
        path.parent.relative_to(folder).as_posix(): path.parent for path in folder.glob("*/*/config.json")
    }
