from __future__ import annotations

from pathlib import Path

import pytest
from plans import LESSON, actions, compose, plan, reasons, snippet
from trees import Tree

from gb10docs.engines.compose import Service
from gb10docs.machine import environments, hardware
from gb10docs.pages.need import Need
from gb10docs.pages.page import Step
from gb10docs.pages.tree import read_pages
from gb10docs.plan import BadPlan
from gb10docs.plan.plan import Action, make_plan
from gb10docs.plan.target import Met, Unmet, choose
from gb10docs.plan.targets import real
from gb10docs.plan.targets.cpu import Cpu
from gb10docs.plan.targets.real import Real
from gb10docs.results.result import Machine, StandIn
from gb10docs.standins.supply import Order

ROOT = Path(__file__).resolve().parents[2]
HUB = StandIn(kind="hub", name="local hub", instead_of="huggingface.co")
SMALL = StandIn(kind="model", name="SmolLM2-135M-Instruct", instead_of="a/M")
ENGINE = StandIn(kind="engine", name="llama.cpp", instead_of="vllm")


class Lacking:
    """A real machine that has everything but what is named."""

    name = "gb10"
    stand_in = ""
    in_containers = False
    vllm = ""

    def __init__(self, *lacks: str) -> None:
        self._lacks = lacks

    def meet(self, need: Need, _step: Step, /) -> Met | Unmet:
        return Unmet(f"{need}: lacking; get one") if str(need) in self._lacks else Met()

    def engine(self, _service: Service, /) -> None:
        return None

    def model(self, _name: str, _step: Step, /) -> None:
        return None

    def supply(self, _order: Order, /) -> None:
        return None


def test_a_machine_that_has_everything_runs_all_but_what_is_optional(tree: Tree) -> None:
    made = plan(tree(LESSON), Lacking())
    assert reasons(made) == {"tool": "optional; run it with --only tool"}
    assert not any(planned.stand_ins for planned in made.steps)
    assert made.runnable


def test_a_step_names_the_steps_that_it_uses(tree: Tree) -> None:
    after = {planned.step.name: planned.after for planned in plan(tree(LESSON), Lacking()).steps}
    assert after["download"] == ("p/activate",)
    assert after["ask"] == ("p/serve", "p/activate")
    assert after["stop"] == ("p/serve",)
    assert after["report"] == ("p/bench",)


def test_a_skip_goes_on_to_what_depends_on_it_with_the_first_cause(tree: Tree) -> None:
    made = plan(tree(LESSON), Lacking("network:huggingface.co"))
    cause = "network:huggingface.co: lacking; get one"
    assert reasons(made) == {
        "download": cause,
        "look": f"model:a/M: 'download' is skipped ({cause})",
        "serve": f"model:a/M: 'download' is skipped ({cause})",
        "ask": f"server:vllm: 'serve' is skipped ({cause})",
        "bench": f"server:vllm: 'serve' is skipped ({cause})",
        "tool": "optional; run it with --only tool",
        "report": f"result:bench: 'bench' is skipped ({cause})",
        "stop": f"server:vllm: 'serve' is skipped ({cause})",
    }
    assert {one.cause for one in made.steps if one.action is Action.SKIP and one.step.name != "tool"} == {
        cause
    }


def test_a_command_that_a_skipped_step_makes_may_be_there_all_the_same(tree: Tree) -> None:
    root = tree(LESSON)
    assert actions(plan(root, Lacking()))["use-tool"] == "run"
    assert reasons(plan(root, Lacking("command:aiperf")))["use-tool"] == (
        "command:aiperf: lacking; get one, or let 'tool' do it, "
        "which is skipped (optional; run it with --only tool)"
    )


def test_stand_ins_go_on_to_what_depends_on_them(tree: Tree) -> None:
    made = {
        planned.step.name: planned for planned in plan(tree(LESSON), Cpu(frozenset({"privileged"}))).steps
    }
    assert made["activate"].stand_ins == ()
    assert set(made["download"].stand_ins) == set(made["look"].stand_ins) == {HUB, SMALL}
    for name in ("serve", "ask", "bench", "report", "stop"):
        assert set(made[name].stand_ins) == {HUB, SMALL, ENGINE}, name
    assert made["serve"].action is made["stop"].action is Action.REPLACE
    assert made["serve"].reason == "llama.cpp with a small model answers on port 8002 in place of vllm"
    assert made["stop"].reason == "the stand-in for vllm is stopped instead"
    assert made["ask"].action is Action.RUN
    assert made["pull"].action is Action.SKIP
    assert made["sweep"].stand_ins == ()


def test_a_real_target_never_replaces(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(real._LOOKS, "network", lambda _: Met())
    monkeypatch.setitem(real._LOOKS, "docker", lambda _: Unmet("docker: not installed; install it"))
    made = plan(tree(LESSON), choose("gb10"))
    assert set(actions(made).values()) == {"run", "skip"}
    assert reasons(made)["serve"].startswith("docker: not installed")
    assert not any(planned.stand_ins for planned in made.steps)


def test_lesson_3_on_a_gb10_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(real._LOOKS, "network", lambda _: Met())
    monkeypatch.setattr(
        hardware,
        "look",
        lambda: Machine(hardware="x", os="x", arch="x", cores=1, memory_bytes=1, gpu="", python="3"),
    )
    made = plan(ROOT, choose("gb10"), "lesson-03")
    assert set(actions(made).values()) == {"run", "skip"}
    assert all(reason for reason in reasons(made).values())
    assert {name for name in actions(made) if name.startswith(("serve", "ask", "stop"))} <= set(reasons(made))


def test_lesson_3_on_any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NGC_API_KEY", raising=False)
    monkeypatch.setattr(environments, "FOLDERS", ())
    made = plan(ROOT, choose("cpu"), "lesson-03")
    done = actions(made)
    assert {name for name, action in done.items() if action == "replace"} == {
        "serve-trtllm",
        "stop-trtllm",
        "serve-vllm",
        "stop-vllm",
    }
    asked = {name: action for name, action in done.items() if asks(name)}
    assert len(asked) == 18
    assert set(asked.values()) == {"run"}


def asks(name: str) -> bool:
    """Whether a step of lesson 3 asks one of the two servers."""
    return name.startswith(("ask-", "temperature", "top-p", "use-", "persona-")) and "quantized" not in name


def test_nvidia_starts_no_containers(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDERS", ())
    root = tree({**LESSON, "snippets/serve.sh": snippet('serves = "compose/vllm:vllm"')})
    made = plan(root, choose("nvidia"), only=["serve"])
    assert reasons(made)["serve"].startswith("engine: vllm: in no Python environment here")
    assert not made.runnable


@pytest.mark.parametrize("need", ["privileged", "destructive"])
def test_what_a_person_must_grant(tree: Tree, need: str) -> None:
    root = tree({"docs/p.md": ["a.sh"], "snippets/a.sh": snippet(f'needs = ["{need}"]')})
    for name in ("cpu", "gb10"):
        assert reasons(plan(root, choose(name))) == {
            "a": f"{need}: not granted; pass --allow {need} to run it"
        }
        assert actions(plan(root, choose(name, allow=frozenset({need})))) == {"a": "run"}
        assert not plan(root, choose(name, allow=frozenset({"other"}))).runnable


def test_only_runs_what_the_step_needs_too(tree: Tree) -> None:
    root = tree(LESSON)
    assert list(actions(plan(root, Lacking(), only=["ask"]))) == ["activate", "download", "serve", "ask"]
    assert list(actions(plan(root, Lacking(), only=["look"]))) == ["activate", "download", "look"]
    assert list(actions(plan(root, Lacking(), only=["report"]))) == [
        "activate",
        "download",
        "serve",
        "bench",
        "report",
    ]
    assert list(actions(plan(root, Lacking(), only=["stop", "pull"]))) == [
        "activate",
        "pull",
        "download",
        "serve",
        "stop",
    ]
    assert list(actions(plan(root, Lacking(), only=["p/pull", "sweep.sh"]))) == ["pull", "sweep"]


def test_only_runs_an_optional_step_that_is_needed_and_not_there(tree: Tree) -> None:
    root = tree(LESSON)
    assert actions(plan(root, Lacking(), only=["use-tool"])) == {"use-tool": "run"}
    assert actions(plan(root, Lacking("command:aiperf"), only=["use-tool"])) == {
        "tool": "run",
        "use-tool": "run",
    }
    assert actions(plan(root, Lacking(), only=["tool"])) == {"tool": "run"}


def test_from_runs_the_rest_and_what_it_needs(tree: Tree) -> None:
    root = tree(LESSON)
    made = plan(root, Lacking("command:aiperf"), start="bench")
    assert list(actions(made)) == [
        "activate",
        "download",
        "serve",
        "bench",
        "tool",
        "use-tool",
        "report",
        "stop",
        "sweep",
    ]
    assert actions(made)["tool"] == actions(made)["use-tool"] == "skip"


def test_from_and_only_go_together(tree: Tree) -> None:
    made = plan(tree(LESSON), Lacking(), only=["pull"], start="sweep")
    assert list(actions(made)) == ["pull", "sweep"]


@pytest.mark.parametrize("asked", [{"only": ["aks"]}, {"start": "aks"}])
def test_an_unknown_step_is_told_with_the_nearest(tree: Tree, asked: dict[str, object]) -> None:
    with pytest.raises(BadPlan, match=r"no step 'aks' on docs/p\.md: did you mean 'ask'\?"):
        plan(tree(LESSON), Lacking(), **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (
            'needs = ["server:vlm"]',
            "no earlier step meets the need 'server:vlm': did you mean 'server:vllm'?",
        ),
        ('needs = ["model:a/N"]', "no earlier step meets the need 'model:a/N': did you mean 'model:a/M'?"),
        (
            'needs = ["result:x"]',
            "no earlier step meets the need 'result:x': put the step that makes it above",
        ),
        ('stops = ["sglang"]', "no earlier step meets the need 'server:sglang'"),
    ],
)
def test_a_need_that_no_earlier_step_meets(tree: Tree, header: str, says: str) -> None:
    pages = ["activate.sh", "download.sh", "serve.sh", "x.sh"]
    root = tree({**LESSON, "docs/p.md": pages, "snippets/x.sh": snippet(header)})
    with pytest.raises(BadPlan) as error:
        plan(root, Lacking())
    assert str(error.value).startswith("docs/p.md:16 (x.sh): ")
    assert says in str(error.value)


def test_a_server_is_gone_once_it_is_stopped(tree: Tree) -> None:
    pages = ["activate.sh", "download.sh", "serve.sh", "stop.sh", "bench.sh"]
    with pytest.raises(BadPlan, match="the need 'server:vllm'"):
        plan(tree({**LESSON, "docs/p.md": pages}), Lacking())


TWO = {
    "compose/a/compose.yaml": compose("a", 8001),
    "compose/b/compose.yaml": compose("b", 8002),
    "snippets/a.sh": snippet('needs = ["memory:20GB"]', 'serves = "compose/a:a"'),
    "snippets/b.sh": snippet('needs = ["memory:26GB"]', 'serves = "compose/b:b"'),
    "snippets/stop-a.sh": snippet('stops = ["a"]'),
}


def test_servers_that_do_not_fit_together_are_refused_with_the_numbers(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tree({**TWO, "docs/p.md": ["a.sh", "b.sh"], "docs/q.md": ["a.sh", "stop-a.sh", "b.sh"]})
    monkeypatch.setattr(hardware, "memory", lambda _: 40 * 10**9)
    with pytest.raises(BadPlan) as error:
        plan(root, Lacking())
    assert str(error.value) == (
        "docs/p.md:8 (b.sh): these servers do not fit in memory together: a 20.0 GB, b 26.0 GB, "
        "and 40.0 GB is available: stop one before this step, or give it a smaller budget"
    )
    assert set(actions(plan(root, Lacking(), "q")).values()) == {"run"}
    assert set(actions(plan(root, choose("cpu"))).values()) == {"replace"}
    monkeypatch.setattr(hardware, "memory", lambda _: 46 * 10**9)
    assert set(actions(plan(root, Lacking())).values()) == {"run"}


def test_a_stop_that_is_skipped_frees_no_memory(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = snippet('stops = ["a"]', 'needs = ["command:x"]')
    root = tree({**TWO, "docs/p.md": ["a.sh", "stop-a.sh", "b.sh"], "snippets/stop-a.sh": stop})
    monkeypatch.setattr(hardware, "memory", lambda _: 40 * 10**9)
    with pytest.raises(BadPlan, match="do not fit"):
        plan(root, Lacking("command:x"))


PAGES = {
    "docs/one.md": ["download.sh"],
    "docs/two.md": "---\nafter: [one]\n---\n" + '```bash\n--8<-- "look.sh"\n```\n',
    "docs/three.md": "---\nafter: [two]\n---\n" + '```bash\n--8<-- "look.sh"\n```\n',
    "snippets/download.sh": snippet('makes = ["model:a/M", "command:hf"]'),
    "snippets/look.sh": snippet('needs = ["model:a/M"]'),
}


def test_a_page_uses_what_the_page_before_it_makes(tree: Tree) -> None:
    root = tree(PAGES)
    first, last = make_plan(read_pages(root, ["three", "one"]), root, Lacking())
    assert (first.page.name, last.page.name) == ("one", "three")
    assert actions(last) == {"look": "run"}
    assert last.steps[0].after == ("one/download",)
    skipped = make_plan(read_pages(root, ["one", "two"]), root, Lacking("command:x"), only=["two/look"])
    assert [actions(one) for one in skipped] == [{"download": "run"}, {"look": "run"}]


def test_a_page_alone_says_which_page_would_make_it(tree: Tree) -> None:
    made = plan(tree(PAGES), Lacking(), "two")
    assert reasons(made) == {"look": "model:a/M: 'one/download' makes it; run one along"}


def test_commands_and_servers_end_with_their_page(tree: Tree) -> None:
    two = "---\nafter: [p]\n---\n" + '```bash\n--8<-- "bench.sh"\n```\n'
    with pytest.raises(BadPlan, match="the need 'server:vllm'"):
        plan(tree({**LESSON, "docs/two.md": two}), Lacking(), "p", "two")
    use = "---\nafter: [p]\n---\n" + '```bash\n--8<-- "use-tool.sh"\n```\n'
    made = plan(tree({**LESSON, "docs/two.md": use}), Lacking(), "p", "two")
    assert made.steps[0].after == ()


# What a machine has.


def met(target: Real, need: str, tree_step: Step | None = None) -> str:
    kind, _, value = need.partition(":")
    found = target.meet(Need(kind, value), tree_step)  # type: ignore[arg-type]
    return found.reason if isinstance(found, Unmet) else ""


def test_what_a_real_machine_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = Real("gb10", frozenset())
    monkeypatch.setattr(hardware, "memory", lambda _: 8 * 10**9)
    monkeypatch.setenv("TOKEN_THAT_IS_SET", "x")
    assert met(target, "memory:16GB") == "memory: 8.0 GB available, 16.0 GB needed; stop other programs"
    assert (
        met(target, "memory:8GB")
        == met(target, "command:sh")
        == met(target, "secret:TOKEN_THAT_IS_SET")
        == ""
    )
    assert met(target, "command:no-such-program") == "command: no-such-program is not installed; install it"
    assert met(target, "secret:TOKEN_THAT_IS_NOT") == (
        "secret: TOKEN_THAT_IS_NOT is not set; set it in the environment"
    )
    assert "make room" in met(target, "disk:900000TB")
    assert met(target, "disk:1MB") == ""
    assert "no earlier step" in met(target, "model:x")


@pytest.mark.parametrize(
    ("gpu", "gb10", "nvidia"),
    [
        (
            "",
            "gpu: this machine has no NVIDIA GPU; run it on a GB10",
            "gpu: this machine has no NVIDIA GPU; run it on a GB10",
        ),
        ("NVIDIA H200", "gpu: this machine has an NVIDIA H200; run it on a GB10", ""),
        ("NVIDIA GB10", "", ""),
    ],
)
def test_only_a_gb10_is_one(monkeypatch: pytest.MonkeyPatch, gpu: str, gb10: str, nvidia: str) -> None:
    seen = Machine(hardware="x", os="x", arch="x", cores=1, memory_bytes=1, gpu=gpu, python="3")
    monkeypatch.setattr(hardware, "look", lambda: seen)
    assert met(Real("gb10", frozenset()), "gpu") == gb10
    assert met(Real("nvidia", frozenset()), "gpu") == nvidia
    assert choose("auto").name == ("gb10" if "GB10" in gpu else "cpu")


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("", "not installed"),
        ("#!/bin/sh\nexit 1\n", "no Docker engine answers"),
        ("#!/bin/sh\nexit 0\n", "no Docker engine answers"),
        ("#!/bin/sh\nexec sleep 60\n", "no Docker engine answers"),
        ("#!/bin/sh\necho 28.3.3\n", ""),
    ],
)
def test_docker_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, says: str) -> None:
    import subprocess

    if program:
        (tmp_path / "docker").write_text(program)
        (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin" if program else str(tmp_path))
    ask = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: ask(*args, **{**options, "timeout": 0.5}))
    real._docker.cache_clear()
    try:
        said = met(Real("gb10", frozenset()), "docker")
    finally:
        real._docker.cache_clear()
    assert says in said if says else said == ""


def test_a_host_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: tuple[str, int], timeout: float) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("socket.create_connection", refuse)
    said = met(Real("gb10", frozenset()), "network:nothing.example.org")
    assert (
        said
        == "network: nothing.example.org does not answer (timed out); run it where that host can be reached"
    )


def test_an_unknown_target() -> None:
    with pytest.raises(BadPlan, match="did you mean 'gb10'"):
        choose("gb1")
