"""Attacks on masking: by the name of a variable, by the shape of a value, by how it is printed, by where it is kept.

Each is printed by a real step of a real page; nothing of the secret may stand in any place that a reader looks at.
"""

from __future__ import annotations

import base64
import json
import random
import shlex
import uuid
from pathlib import Path

import pytest
from program import Program

from gb10docs.pages.printing import printable
from gb10docs.privacy import secrets
from gb10docs.privacy.redactor import Redactor
from gb10docs.privacy.tokens import is_secret

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh"
VALUE = "q7Lw9ZtR2vXk"
"""A secret that no shape gives away."""
LETTERS = "A1b2C3d4E5f6G7h8J9k0"
ESC = "\x1b"

NAMED = [
    "TOKEN", "SECRET", "API_KEY", "APIKEY", "SECRET_KEY", "OPENAI_KEY", "WANDB_KEY", "OPENAI_API_KEY", "DB_PASS",
    "MYSQL_PWD", "GPG_PASSPHRASE", "GCP_CREDENTIALS", "SSH_PRIVATE_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "hf_token", "db_password", "apiKey", "githubToken", "GH_TOKEN", "GITHUB_PAT", "PGPASSWORD",
    "DOCKER_AUTH", "CLIENT_SECRET", "SECRET_KEY_BASE", "TWINE_PASSWORD", "VAULT_TOKEN", "KAGGLE_KEY", "SLACK_TOKEN2",
]  # fmt: skip
SHAPED = {
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "AWS, for a time": "ASIAIOSFODNN7EXAMPLE",
    "GitLab": f"glpat-{LETTERS}",
    "Slack": f"xoxb-{'1234567890'}-{LETTERS}",
    "Google": f"AIza{LETTERS}{LETTERS[:15]}",
    "npm": f"npm_{LETTERS}{LETTERS[:16]}",
    "PyPI": f"pypi-AgEIcHlwaS5vcmc{LETTERS}{LETTERS}",
    "Docker": f"dckr_pat_{LETTERS}{LETTERS[:7]}",
    "GitHub, of a user": f"ghu_{LETTERS}{LETTERS[:16]}",
    "GitHub, to refresh": f"ghr_{LETTERS}{LETTERS[:16]}",
    "GitHub": f"ghp_{LETTERS}{LETTERS[:16]}",
    "Stripe": f"sk_live_{LETTERS}{LETTERS[:4]}",
    "JWT": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{LETTERS}",
    "OpenAI": f"sk-proj-{LETTERS}{LETTERS}",
    "NGC": f"nvapi-{LETTERS}{LETTERS}{LETTERS}",
    "Hugging Face": f"hf_{'qRsTuVwXyZ' * 3}aBcD",
}
STANDING = {
    "header": f"Authorization: Bearer {LETTERS}",
    "header of curl": f"> authorization: bearer {LETTERS}",
    "basic": f"Authorization: Basic {base64.b64encode(LETTERS.encode()).decode()}",
    "header in JSON": json.dumps({"Authorization": f"Bearer {LETTERS}"}),
    "Docker auth": json.dumps(
        {"auths": {"ghcr.io": {"auth": base64.b64encode(b"ann:" + LETTERS.encode()).decode()}}}
    ),
    "netrc": f"machine example.org login ann password {LETTERS}",
    "netrc on lines": f"machine example.org\n  login ann\n  password {LETTERS}",
    "env": f"DB_PASSWORD={LETTERS}",
    "env, exported": f'export SOME_TOKEN="{LETTERS}"',
    "env in a log": f"12:00:01 INFO start with WANDB_KEY={LETTERS}",
    "address": f"postgres://ann:{LETTERS}@db.example.org/x",
    "api key of a header": f"x-api-key: {LETTERS}",
}
PEM = "\n".join(
    ["-----BEGIN OPENSSH PRIVATE KEY-----", *[LETTERS * 3] * 6, "-----END OPENSSH PRIVATE KEY-----"]
)

COLOURED = {
    "grep --color": f"{TOKEN[:8]}{ESC}[01;31m{ESC}[K{TOKEN[8:14]}{ESC}[m{ESC}[K{TOKEN[14:]}",
    "a colour a letter": f"{ESC}[0m".join(f"{ESC}[3{n % 8}m{letter}" for n, letter in enumerate(TOKEN)),
    "title": f"{TOKEN[:9]}{ESC}]0;a title\x07{TOKEN[9:]}",
    "link": f"{ESC}]8;;https://example.org{ESC}\\{TOKEN[:9]}{ESC}]8;;{ESC}\\{TOKEN[9:]}",
    "in a title": f"{ESC}]0;{TOKEN}\x07",
    "device control": f"{TOKEN[:9]}{ESC}Pq#0{ESC}\\{TOKEN[9:]}",
    "backspace": f"{TOKEN[:9]}\b{TOKEN[9:]}",
    "erased": f"{TOKEN[:9]}X\b{TOKEN[9:]}",
    "erased, more": f"{TOKEN[:9]}XYZ\b\b\b{TOKEN[9:]}",
    "overstruck": "".join(f"{letter}\b{letter}" for letter in TOKEN),
    "zero width": "\u200b".join(TOKEN),
    "joiner": f"{TOKEN[:9]}\u2060{TOKEN[9:]}",
    "byte order mark": f"{TOKEN[:9]}\ufeff{TOKEN[9:]}",
    "soft hyphen": f"{TOKEN[:9]}\u00ad{TOKEN[9:]}",
    "right to left": f"{TOKEN[:9]}\u202e\u202c{TOKEN[9:]}",
    "variation": f"{TOKEN[:9]}\ufe0f{TOKEN[9:]}",
    "NUL": f"{TOKEN[:9]}\0{TOKEN[9:]}",
    "delete": f"{TOKEN[:9]}\x7f{TOKEN[9:]}",
    "C1": f"{TOKEN[:9]}\x85{TOKEN[9:]}",
    "carriage return": f"working\r{TOKEN}",
}
WRAPPED = {
    "log": f"12:00:01 INFO {TOKEN[:12]}\n12:00:01 INFO {TOKEN[12:24]}\n12:00:02 INFO {TOKEN[24:]}",
    "table": f"│ HF_TOKEN │ {TOKEN[:12]} │\n│          │ {TOKEN[12:24]} │\n│          │ {TOKEN[24:]} │",
    "table in ASCII": f"| HF_TOKEN | {TOKEN[:20]} | yes |\n|          | {TOKEN[20:]} |     |",
    "quoted": f"> {TOKEN[:18]}\n> {TOKEN[18:]}",
    "numbered": f"  1  {TOKEN[:18]}\n  2  {TOKEN[18:]}",
}
READ = (
    "qRsTu",
    "AbCdE",
    "GhIjKl",
    "cdefgh",
    LETTERS[:8],
    LETTERS[-6:],
    "FODNN7",
    VALUE[:6],
    VALUE[-6:],
    "eyJzdWI",
)
"""Parts of what is secret above."""


def shown(program: Program, *texts: str) -> list[str]:
    """What a reader sees of steps that print the texts and fail: console, GitHub's summary, JUnit, JSON."""
    for number, text in enumerate(texts):
        (program.folder / f"text{number}").write_bytes(text.encode("utf-8", "surrogatepass"))
    summary, junit = program.folder / "summary.md", program.folder / "report.xml"
    program.environment |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    folder = shlex.quote(str(program.folder))
    program.page(*(f"cat {folder}/text{number}; echo; false\n" for number, _ in enumerate(texts)))
    status, out, err = program.run(
        "run",
        "page",
        "--root",
        str(program.root),
        "--keep-going",
        "--json",
        str(program.json),
        "--junit",
        str(junit),
    )
    assert (status, err) == (1, "")
    return [
        out,
        summary.read_text(),
        junit.read_text(),
        json.dumps(json.loads(program.json.read_text()), ensure_ascii=False),
    ]


def refuse_secrets(texts: list[str]) -> None:
    """None of the parts, also where a reader sees no colours."""
    for text in texts:
        plain = printable(text.replace("\\u001b", ESC))
        assert [part for part in READ if part in plain] == []


@pytest.mark.parametrize("name", NAMED)
def test_the_value_of_a_variable_is_secret_by_its_name(program: Program, name: str) -> None:
    program.environment[name] = VALUE
    texts = shown(program, f"the value is {VALUE}.")
    refuse_secrets(texts)
    assert f"the value is [{name}]." in texts[0]
    assert "the value is" in texts[3]


def test_what_is_written_like_a_token_is_masked(program: Program) -> None:
    texts = shown(program, *(f"<{value}>" for value in SHAPED.values()), *STANDING.values(), PEM)
    refuse_secrets(texts)
    assert texts[0].count("[secret]") >= len(SHAPED) + len(STANDING) + 1


def test_colours_backspaces_and_what_nobody_sees_hide_nothing(program: Program) -> None:
    program.environment["HF_TOKEN"] = TOKEN
    texts = shown(program, *COLOURED.values(), *WRAPPED.values())
    refuse_secrets(texts)
    steps = json.loads(program.json.read_text())["steps"]
    assert [step["stdout"] for step in steps if "[HF_TOKEN]" not in step["stdout"]] == []


def test_a_byte_that_is_no_text_hides_nothing(program: Program) -> None:
    program.environment["HF_TOKEN"] = TOKEN
    (program.folder / "text").write_bytes(f"{TOKEN[:9]}".encode() + b"\xff" + TOKEN[9:].encode())
    program.page(f"cat {shlex.quote(str(program.folder))}/text\n")
    status, _, _ = program.run()
    assert status == 0
    assert program.steps()[0]["stdout"] == "[HF_TOKEN]"


@pytest.mark.parametrize("value", ["opensesame", "four", "sevenlt", "with a blank"])
def test_what_is_declared_is_secret_whatever_it_is_called(program: Program, value: str) -> None:
    from driving import header

    program.environment |= {"MOTTO": value, "OTHER": f"{value}!", "GB10DOCS_SECRETS": "OTHER,MISSING"}
    program.page(header('needs = ["secret:MOTTO"]') + 'echo "it is $MOTTO, $OTHER"\n')
    status, _, _ = program.run()
    assert status == 0
    assert program.steps()[0]["stdout"] == "it is [MOTTO], [OTHER]\n"


def test_every_password_in_the_addresses_of_a_variable_is_secret() -> None:
    env = {
        "BROKERS": "amqp://ann:firstone@a.invalid,amqp://bob:second7@b.invalid:1",
        "PROXY": "http://u:sevenlt@h",
    }
    mask = secrets.redactor(env).text
    assert not any(part in mask("firstone second7 sevenlt") for part in ("firstone", "second7", "sevenlt"))
    assert mask("sevenlts") == "sevenlts"


KEPT = {
    ".cache/huggingface/token": f"{TOKEN}\n",
    ".cache/huggingface/stored_tokens": f"[mine]\nhf_token = {TOKEN}\n",
    ".netrc": f"machine huggingface.co\n  login ann\n  password {VALUE}\n",
    ".docker/config.json": json.dumps(
        {"auths": {"nvcr.io": {"auth": base64.b64encode(f"$oauthtoken:{VALUE}".encode()).decode()}}}
    ),
    ".ngc/config": f"[CURRENT]\napikey = {VALUE}\n",
}


@pytest.mark.parametrize("file", KEPT)
def test_what_files_keep_of_logins_is_secret(program: Program, tmp_path: Path, file: str) -> None:
    kept = tmp_path / "home" / file
    kept.parent.mkdir(parents=True)
    kept.write_text(KEPT[file])
    program.environment |= {"HOME": str(tmp_path / "home")}
    for name in ("HF_HOME", "HF_TOKEN_PATH", "XDG_CACHE_HOME", "NETRC", "DOCKER_CONFIG", "NGC_CLI_HOME"):
        program.environment.pop(name, None)
    secret = TOKEN if "huggingface" in file else VALUE
    refuse_secrets(shown(program, f"a {secret} b", f"{secret[:7]}\n{secret[7:]}"))


def test_files_of_logins_that_are_odd_are_passed_over(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "HF_TOKEN_PATH": "/dev/zero", "DOCKER_CONFIG": str(tmp_path / "docker")}
    for file, text in {
        ".netrc": "password",
        "docker/config.json": '{"auths": [1]}',
        ".ngc/config/x": "",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    assert secrets.secrets_in(env) == {}


NO_SECRETS = {
    "SSH_AUTH_SOCK": "/run/user/1000/keyring/ssh", "PWD": "/home/ann/gb10docs", "OLDPWD": "/home/ann",
    "GPG_KEY": "A035C8C19219BA821ECEA86B64E628F8D684696D", "SORT_KEY": "timestamp", "CACHE_KEY": "requirements",
    "TOKENIZERS_PARALLELISM": "false", "MAX_TOKENS": "123456789", "USE_TOKEN": "false", "PASS": "12345678",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/ann/key.json", "KEYBOARD": "us-international", "AUTHOR": "Ann Example",
    "MONKEY": "capuchin7", "SSH_PUBLIC_KEY": "ssh-ed25519AAAAC3Nza", "COMPASS": "north-by-northwest",
    "TOKEN_URL": "https://example.org/token", "PASSAGES": "seven of nine",
}  # fmt: skip


def test_what_only_sounds_like_a_secret_is_none() -> None:
    assert [name for name, value in NO_SECRETS.items() if is_secret(name, value)] == []


def test_no_false_positives_in_digests_base64_and_uuids() -> None:
    """In 8 MB of each of which nothing is secret, nothing is masked."""
    drawn = random.Random(7)
    redactor = Redactor({"HF_TOKEN": TOKEN, "PASS": VALUE})
    lines = [base64.b64encode(drawn.randbytes(57)).decode() for _ in range(20_000)]
    lines += [f"sha256:{drawn.randbytes(32).hex()}" for _ in range(20_000)]
    lines += [str(uuid.UUID(bytes=drawn.randbytes(16))) for _ in range(20_000)]
    lines += [base64.urlsafe_b64encode(drawn.randbytes(57)).decode() for _ in range(20_000)]
    text = "\n".join(lines)
    assert redactor.text(text) == text


ORDINARY = """
eos_token="<|im_end|>" pad_token = '<|endoftext|>' max_tokens=8192 prompt_tokens=12
from huggingface_hub import get_token; api_key="EMPTY", api_key=os.environ["OPENAI_API_KEY"]
curl -H "Authorization: Bearer $HF_TOKEN" -H 'authorization: Bearer <token>' https://user@example.org:8000/v1
export HF_TOKEN=$(cat token); HF_TOKEN= ; NGC_API_KEY=[NGC_API_KEY] ; PRIMARY_KEY=customer_id
the bearer of good news is a task-oriented disk-usage-of-the-whole-machine-in-many-words
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ann
machine learning login screens have no password here
"""


def test_ordinary_lines_are_left_alone() -> None:
    assert Redactor({"HF_TOKEN": TOKEN}).text(ORDINARY) == ORDINARY
