"""What many steps share is opened once an invocation, as Python's own audit of the real program tells."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_AUDITED = """
import json, os, sys
opened = []
sys.addaudithook(lambda name, about: opened.append(os.fsdecode(about[0]))
                 if name == "open" and isinstance(about[0], (str, bytes, os.PathLike)) else None)
from gb10docs.cli import app
try:
    app(sys.argv[1:])
except SystemExit as ended:
    print(json.dumps([ended.code, opened]), file=sys.stderr)
"""


def opened(*arguments: str) -> Counter[str]:
    """How often the program opened each file below `compose/`."""
    done = subprocess.run(
        [sys.executable, "-c", _AUDITED, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    status, names = json.loads(done.stderr.splitlines()[-1])
    assert status == 0, done
    below = (Path(name) for name in names if f"{ROOT}/compose/" in name)
    return Counter(path.relative_to(ROOT).as_posix() for path in below)


@pytest.mark.parametrize("stand_in", ["llamacpp", "docker"])
def test_a_compose_file_is_read_once_a_plan(stand_in: str) -> None:
    found = opened("run", "lesson-03", "--target", "cpu", "--stand-in", stand_in, "--dry-run")
    assert {"compose/trtllm/compose.yaml", "compose/vllm/compose.yaml"} <= found.keys()
    assert set(found.values()) == {1}


def test_a_lock_file_is_read_once_for_the_evidence_of_all_pages() -> None:
    found = opened("evidence", "status")
    assert found["compose/images.lock.toml"] == found["compose/models.lock.toml"] == 1
