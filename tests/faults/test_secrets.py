"""The canary: secrets of the environment reach neither terminal, report, log nor live progress."""

from __future__ import annotations

import base64
import urllib.parse
from pathlib import Path

import pytest
from driving import Python, Watcher, run
from program import Program

HF = "hf_" + "CanaryKeepsQuiet0123456789AbCdEfGh"
NGC = "nvapi-" + "Canary_that-must/not+be=heard&anywhere?" + "x" * 20
BASH = r"""
echo "plain $HF_TOKEN and $NGC_API_KEY"; echo "err $HF_TOKEN $NGC_API_KEY" >&2
echo "$HF_TOKEN" | fold -w 7; echo "$NGC_API_KEY" | fold -w 9
for ((i = 0; i < ${#HF_TOKEN}; i++)); do printf '%s' "${HF_TOKEN:i:1}"; sleep 0.001; done; echo
printf '%s' "$HF_TOKEN" | base64; printf 'user:%s' "$NGC_API_KEY" | base64 -w 20
python -c "import os, urllib.parse as u; print('http://h/?t=' + u.quote(os.environ['NGC_API_KEY'], safe=''))"
(set -x; : "$HF_TOKEN" "$NGC_API_KEY")
ls "/no/such/$HF_TOKEN" || true
(cat "<$NGC_API_KEY>") || true
mkdir -p "$HF_TOKEN"; ls; pwd
head -c 3000000 /dev/zero | tr '\0' x; printf '%s' "$HF_TOKEN"; head -c 3000000 /dev/zero | tr '\0' y
"""
FAILING = [
    f"echo 'in its own text'; ls '/{HF}' # {NGC}\n",
    'ls "/no/$HF_TOKEN"\n',
    'echo ok | grep "$NGC_API_KEY" | cat\n',
    "exit 3 # $HF_TOKEN\n",
    'set -u; set -x; : "$HF_TOKEN"; echo $undefined_$HF_TOKEN\n',
    "cd /tmp; ${HF_TOKEN}\n",
    'eval "$NGC_API_KEY("\n',
]
PYTHON = Python("""
import os, sys
token, key = os.environ["HF_TOKEN"], os.environ["NGC_API_KEY"]
print(token, [key], {"key": key}, repr(key.encode()), key[::-1][::-1])
sys.stderr.write(token[:10]); sys.stderr.flush(); sys.stderr.write(token[10:] + "\\n")
raise ValueError(f"cannot use {token} nor {key!r}")
""")
SLOW = 'printf "progress $HF_TOKEN"; sleep 0.4; echo\n'


def forms() -> list[str]:
    """What must not be seen: each secret plainly, without its line ends, in a URL and in base64."""
    found = []
    for secret in (HF, NGC):
        found += [secret, urllib.parse.quote(secret, safe=""), secret[3:-3]]
        for offset in range(3):
            encoded = base64.b64encode(b"u" * offset + secret.encode()).decode()
            found.append(encoded[4:-4])
    return found


def heard(text: str) -> list[str]:
    squeezed = "".join(text.replace("\\n", "").split()).replace("|", "")
    return [form for form in forms() if form in text or form in squeezed]


def test_canary_is_not_heard(program: Program) -> None:
    program.environment |= {"HF_TOKEN": HF, "NGC_API_KEY": NGC, "GITHUB_ACTIONS": "true"}
    summary = program.folder / "summary.md"
    program.environment["GITHUB_STEP_SUMMARY"] = str(summary)
    program.page(BASH, PYTHON, SLOW, *FAILING)
    junit = program.folder / "junit.xml"
    status, out, err = program.run(
        "run",
        "page",
        "--root",
        str(program.root),
        "--target",
        "gb10",
        "--keep-going",
        "--json",
        str(program.json),
        "--junit",
        str(junit),
    )
    assert status == 1
    logs = [path for path in (program.folder / "state").rglob("*") if path.is_file()]
    assert logs, "a log was written"
    written = {"out": out, "err": err, "json": program.json.read_text(), "junit": junit.read_text()}
    written |= {path.name: path.read_text() for path in logs}
    if summary.exists():
        written["summary"] = summary.read_text()
    assert {name: heard(text) for name, text in written.items() if heard(text)} == {}
    shown = program.steps()
    assert "[HF_TOKEN]" in shown[0]["stdout"]
    assert "[NGC_API_KEY]" in shown[0]["stdout"]
    assert "cannot use [HF_TOKEN]" in shown[1]["stderr"]


def test_live_progress_is_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", HF)
    monkeypatch.setenv("NGC_API_KEY", NGC)
    watcher = Watcher()
    run(tmp_path, SLOW, f"echo {HF}\n", *FAILING, watcher=watcher)
    assert heard("\n".join(watcher.seen)) == []
    assert heard("".join(map(repr, watcher.finished_steps))) == []
    assert any("progress" in line for line in watcher.seen)
