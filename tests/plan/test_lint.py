from __future__ import annotations

from pathlib import Path

import pytest
from trees import Tree, page_of

from gb10docs.engines import BadService
from gb10docs.pages.tree import lessons, read_pages
from gb10docs.plan import BadPlan
from gb10docs.plan.lint import lint
from gb10docs.plan.services import services_of

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = "services:\n  {0}:\n    ports: ['127.0.0.1:{1}:{1}']\n    command: [vllm, serve, /models/M]\n"


def snippet(header: str, body: str) -> str:
    return f"# /// script\n# [tool.gb10docs]\n# {header}\n# ///\n{body}\n"


def told(tree: Tree, files: dict[str, str], *names: str) -> str:
    """What is wrong with the pages, empty if nothing is; one line, without the folder of the tree."""
    root = tree(files)
    try:
        pages = read_pages(root, names or ["p"])
        lint(pages, root, services_of(pages, root))
    except BadPlan as error:
        said = str(error).replace(f"{root}/", "")
        assert "\n" not in said
        return said
    return ""


def of(tree: Tree, body: str, needs: str = "", language: str = "sh") -> str:
    """What is wrong with one snippet, whose body begins on line 5."""
    name = f"a.{language}"
    return told(tree, {"docs/p.md": page_of([name]), f"snippets/{name}": snippet(f"needs = [{needs}]", body)})


def test_the_pages_of_this_repository_hold() -> None:
    pages = lessons(ROOT)
    assert len(pages) >= 2
    lint(pages, ROOT, services_of(pages, ROOT))


@pytest.mark.parametrize(
    "line",
    [
        "sudo apt-get update",
        "  sudo true",
        "true && sudo true",
        "true; sudo true",
        "true | sudo tee /x",
        "(sudo true)",
        "x=$(sudo true)",
        "if sudo true; then :; fi",
        "FOO=1 sudo true",
        "! sudo true",
        "{ sudo true; }",
        "bash -c 'sudo true'",
        'sh -euc "sudo true"',
        "env X=1 sudo true",
        "timeout 5 sudo true",
        "exec sudo true",
        "doas true",
        "pkexec true",
        "su -c true",
        "while sudo true; do :; done",
        "true ||\\\n  sudo true",
        "`sudo true`",
    ],
)
def test_root_rights_are_declared(tree: Tree, line: str) -> None:
    assert of(tree, line) == (
        "snippets/a.sh:5: runs a command as root, which a person must grant: "
        "add 'privileged' to 'needs', or do without"
    )
    assert of(tree, line, '"privileged"') == ""


@pytest.mark.parametrize(
    "line",
    [
        "# sudo true",
        "echo pseudo sudoers",
        "command -v jq # sudo",
        "ls /usr/bin/sudo",
        "apt install sudo",
        "subs=1",
        "echo 'a|b' sum",
    ],
)
def test_a_word_is_no_command(tree: Tree, line: str) -> None:
    assert of(tree, line) == ""


@pytest.mark.parametrize(
    "line",
    [
        "docker rmi x",
        "docker image rm x",
        "docker image prune -f",
        "docker volume rm x",
        "docker volume prune",
        "docker system prune -af",
        "docker --context x rmi y",
        "docker image \\\n  rm x",
        "true && docker rmi x",
        "(cd compose/x && docker compose down --volumes)",
        "docker compose -f x down -v",
        "docker compose down --rmi all",
        "podman rmi x",
        "rm -rf ~/gb10",
        'rm -r "$HOME/gb10"',
        "rm -f $HOME/.cache/x",
        'rm -rf "${HOME}"/x',
        "rm -r ~",
        "rm x ~/y",
        "rm -rf /opt/models",
        'rm --recursive "/srv"',
        "rm -fr -- /var/x",
        "rm -Rf a /b",
        "rm -rf /tmp",
        "rm -rf /",
        'find "$HOME" -name x -delete',
        "find / -name x -exec rm {} +",
        "echo x >> ~/.bashrc",
        'echo x > "$HOME/.profile"',
        "echo x | tee -a ~/.zshrc",
        "sed -i s/a/b/ ~/.bash_profile",
        "cp x ~/.bashrc",
        "cat >>~/.bashrc <<EOF\nx\nEOF",
        "echo x > /etc/profile.d/y",
        "mv ~/.bashrc ~/old",
    ],
)
def test_destruction_is_declared(tree: Tree, line: str) -> None:
    said = of(tree, line)
    assert said.startswith("snippets/a.sh:5: ")
    assert said.endswith(", which a person must grant: add 'destructive' to 'needs', or do without")
    assert of(tree, line, '"destructive"') == ""


@pytest.mark.parametrize(
    "line",
    [
        "docker image ls",
        "docker run --rm x",
        "docker compose down",
        "docker volume create x",
        "docker compose rm -f x",
        "rm -rf build",
        "rm -r ./x/y",
        "rm -rf /tmp/mine",
        'rm -r "$work"',
        "rm file~",
        "find . -delete",
        "cat ~/.bashrc",
        "source ~/.bashrc",
        "grep x ~/.profile",
        "# echo x >> ~/.bashrc",
        "docker run -v ~/.cache:/x y",
        "echo x > profile.txt",
        "mkdir -p ~/gb10",
        "docker logs -v rmi",
    ],
)
def test_what_destroys_nothing_needs_no_grant(tree: Tree, line: str) -> None:
    assert of(tree, line) == ""


@pytest.mark.parametrize(
    ("line", "need"),
    [
        ('subprocess.run(["sudo", "true"])', "privileged"),
        ('os.system("sudo true")', "privileged"),
        ('shutil.rmtree(Path.home() / "x")', "destructive"),
        ('subprocess.run(["docker", "image", "rm", "x"])', "destructive"),
        ('subprocess.run(["docker", "rmi", "x"])', "destructive"),
        ('subprocess.run(["rm", "-r", "x"])', "destructive"),
        ('os.system("rm -rf x")', "destructive"),
        ('(Path.home() / ".bashrc").write_text("")', "destructive"),
    ],
)
def test_python_declares_too(tree: Tree, line: str, need: str) -> None:
    assert f"add '{need}'" in of(tree, line, language="py")
    assert of(tree, line, f'"{need}"', "py") == ""


@pytest.mark.parametrize(
    "line",
    ['print("pseudo")', 'subprocess.run(["docker", "image", "ls"])', "# sudo", 'content = "use sudoers"'],
)
def test_harmless_python(tree: Tree, line: str) -> None:
    assert of(tree, line, language="py") == ""


# Requests and servers.

SERVERS = {
    "compose/a/compose.yaml": COMPOSE.format("a", 8001),
    "compose/b/compose.yaml": COMPOSE.format("b", 8002),
    "snippets/a.sh": snippet('serves = "compose/a:a"', "true"),
    "snippets/b.sh": snippet('serves = "compose/b:b"', "true"),
    "snippets/stop-a.sh": snippet('stops = ["a"]', "curl http://127.0.0.1:8001/health && exit 1; true"),
    "snippets/web.sh": snippet(
        'ready = "http://localhost:8080/health"\n# session = "web"',
        "serve --port 8080 --check http://localhost:8080",
    ),
}
REQUESTS = [
    "curl http://127.0.0.1:{}/v1",
    "curl localhost:{}/v1",
    "x=http://0.0.0.0:{}",
    'curl "http://[::1]:{}/v1"',
    "echo --url \\\n  http://localhost:{}",
]


def ask(tree: Tree, port: int, needs: str, pages: list[str], request: str = REQUESTS[0], *names: str) -> str:
    body = request.format(port)
    files = {**SERVERS, "docs/p.md": page_of(pages), "snippets/ask.sh": snippet(f"needs = [{needs}]", body)}
    return told(tree, files, *names)


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_names_its_server(tree: Tree, request_: str) -> None:
    pages = ["a.sh", "b.sh", "ask.sh"]
    assert ask(tree, 8001, '"server:b"', pages, request_) == (
        "snippets/ask.sh:5: a request to port 8001 without its server: add 'server:a' to 'needs'"
    )
    assert ask(tree, 8001, '"server:a"', pages, request_) == ""


def test_a_request_to_a_port_of_no_server(tree: Tree) -> None:
    said = ask(tree, 8003, '"server:a"', ["b.sh", "a.sh", "ask.sh"])
    assert said == "snippets/ask.sh:5: no server of these pages has port 8003: use one of a 8001, b 8002"


def test_a_page_without_servers_may_ask_whom_it_likes(tree: Tree) -> None:
    assert ask(tree, 11434, "", ["ask.sh"]) == ""


def test_a_server_of_another_page_is_known_too(tree: Tree) -> None:
    files = {
        **SERVERS,
        "docs/p.md": page_of(["a.sh"]),
        "docs/q.md": page_of(["ask.sh"]),
        "snippets/ask.sh": "curl localhost:8001\n",
    }
    assert "add 'server:a'" in told(tree, files, "p", "q")
    assert told(tree, files, "q") == ""


@pytest.mark.parametrize(
    "body",
    ["docker run -p 127.0.0.1:12000:8080 x", "# see http://localhost:8009", "curl http://10.127.0.0.1:8009"],
)
def test_what_is_no_request(tree: Tree, body: str) -> None:
    files = {**SERVERS, "docs/p.md": page_of(["a.sh", "x.sh"]), "snippets/x.sh": f"{body}\ntrue\n"}
    assert told(tree, files) == ""


def test_servers_and_their_stop_may_ask_themselves(tree: Tree) -> None:
    assert told(tree, {**SERVERS, "docs/p.md": page_of(["a.sh", "web.sh", "stop-a.sh"])}) == ""


def test_one_port_has_one_server_at_a_time(tree: Tree) -> None:
    files = {**SERVERS, "compose/b/compose.yaml": COMPOSE.format("b", 8001)}
    assert told(tree, {**files, "docs/p.md": page_of(["a.sh", "b.sh"])}) == (
        "docs/p.md:8 (b.sh): port 8001 is still that of 'a': stop it in an earlier step"
    )
    assert told(tree, {**files, "docs/p.md": page_of(["a.sh", "stop-a.sh", "b.sh"])}) == ""
    assert "is still that of 'a'" in told(tree, {**files, "docs/p.md": page_of(["a.sh", "a.sh"])})


def test_two_servers_on_one_port_one_after_the_other(tree: Tree) -> None:
    files = {**SERVERS, "compose/b/compose.yaml": COMPOSE.format("b", 8001)}
    page = page_of(["a.sh", "stop-a.sh", "b.sh", "ask.sh"])
    asks = {"snippets/ask.sh": snippet('needs = ["server:b"]', "curl localhost:8001")}
    assert told(tree, {**files, **asks, "docs/p.md": page}) == ""


def test_a_session_that_a_server_keeps_busy(tree: Tree) -> None:
    files = {
        **SERVERS,
        "docs/p.md": page_of(["web.sh", "x.sh"]),
        "snippets/x.sh": snippet('session = "web"', "true"),
    }
    assert told(tree, files) == (
        "docs/p.md:8 (x.sh): session 'web' is busy with the server in it: use another"
    )
    assert told(tree, {**files, "docs/p.md": page_of(["x.sh", "web.sh"])}) == ""


def test_a_service_that_does_not_exist(tree: Tree) -> None:
    root = tree(
        {**SERVERS, "docs/p.md": ["x.sh"], "snippets/x.sh": snippet('serves = "compose/a:c"', "true")}
    )
    with pytest.raises(
        BadService, match=r"docs/p\.md:4 \(x\.sh\): .* has no service 'c': did you mean|known"
    ):
        services_of(read_pages(root, ["p"]), root)
