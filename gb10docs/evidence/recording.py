"""Recording: what an invocation's evidence rests on, taken as its plans are made, and how it gets into the ledgers.

Nothing here looks at a text after it has run. Inputs, commit and state of the tree are those of the plan; an edit
during a run can make a record stale, never fresh.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gb10docs.atomic import CannotWrite, refuse_unwritable
from gb10docs.errors import GB10DocsError
from gb10docs.evidence.inputs import IMAGES, MODELS, Pins, after_the_run, inputs_of, models_of
from gb10docs.evidence.ledger import (
    Engine,
    Model,
    Run,
    came_to_an_end,
    flavour_of,
    ledger_path,
    merge,
    read,
    write,
)
from gb10docs.machine import environments, hardware
from gb10docs.plan.plan import Plan
from gb10docs.privacy.redactor import Redactor
from gb10docs.results.result import Outcome, Report, StandIn, StepResult
from gb10docs.standins import catalog


class Recording:
    """The evidence of one invocation."""

    def __init__(self, plans: Sequence[Plan], root: Path, redactor: Redactor, recorded_by: str = "") -> None:
        """Take what the plans rest on; to be made right after them.

        Args:
            plans: The pages that will run.
            root: The tree that they are in.
            redactor: What masks text that others wrote; ledgers are public.
            recorded_by: Who records; git's user name unless given.

        Raises:
            GB10DocsError: The target is a GB10, and this machine is none.
            BadLedger: A ledger that there is cannot be read.
            BadLockFile: A lock file cannot be read.
            CannotWrite: A ledger cannot be written, or lies behind a link.
        """
        refuse_pretence(plans[0].target.name, hardware.look().gpu)
        self._root, self._redactor = root, redactor
        for plan in plans:
            self._refuse(self.ledger_of(plan))
        self._commit = _git(root, "rev-parse", "HEAD") or ""
        changes = _git(root, "status", "--porcelain", "--", ".", ":(exclude)docs/evidence")
        # Where git knows the commit but cannot tell in time what has changed since, something may have.
        self._dirty = bool(self._commit if changes is None else changes)
        self._recorded_by = recorded_by or redactor.text(_git(root, "config", "user.name") or "")
        self._pins = Pins(root)
        self._pins.refuse_bad()
        self._inputs = {
            one.step.key: inputs_of(one, plan, self._pins) for plan in plans for one in plan.steps
        }

    def ledger_of(self, plan: Plan) -> Path:
        """Return where the ledger of a page's plan lies."""
        return ledger_path(self._root, plan.page.relative, plan.target.name, flavour_of(plan.target.stand_in))

    def keep(self, plan: Plan, report: Report) -> Path | None:
        """Merge a page's run into its ledger; returns its path below the root, or None: no step came to an end.

        Raises:
            BadLedger: The ledger cannot be read any more.
            CannotWrite: It cannot be written.
        """
        if not any(map(came_to_an_end, report.steps)):
            return None
        path = self.ledger_of(plan)
        now = Pins(self._root)
        inputs = {
            one.step.id: after_the_run(self._inputs[one.step.key], one, plan, now) for one in plan.steps
        }
        ledger = merge(
            read(path),
            replace(report, steps=[self._masked(step) for step in report.steps]),
            inputs,
            self.run_of(plan, report),
            flavour=flavour_of(plan.target.stand_in),
            page_steps=[step.id for step in plan.page.steps],
        )
        write(path, ledger, self._root)
        return path.relative_to(self._root)

    def run_of(self, plan: Plan, report: Report) -> Run:
        """Return where and with what a page's run took place."""
        about = {name: value for name, value in asdict(report.machine).items() if name != "target"}
        ended = [step for step in report.steps if came_to_an_end(step)]
        stand_ins = dict.fromkeys(one for step in ended for one in step.stand_ins)
        return Run(
            **about,
            started=report.started,
            engines=self._engines(report, stand_ins),
            models=[*_stand_in_models(stand_ins), *self._real_models(plan, report)],
            packages=_packages(plan, {step.id for step in ended}),
            gb10docs=report.gb10docs,
            docs_commit=self._commit,
            dirty=self._dirty,
            recorded_by=self._recorded_by,
        )

    def _refuse(self, path: Path) -> None:
        """A ledger that could not be read or written once the run is over."""
        if os.path.realpath(path) != str(path):
            raise CannotWrite(f"{path}: lies behind a link, which --record never follows: replace the link")
        read(path)
        refuse_unwritable(path)

    def _masked(self, step: StepResult) -> StepResult:
        """What a step and its containers said, masked; names that are ours (ids, targets, outcomes) stay."""
        mask = self._redactor.text
        return replace(
            step,
            reason=mask(step.reason),
            stdout=mask(step.stdout),
            stderr=mask(step.stderr),
            checks=[replace(one, name=mask(one.name), message=mask(one.message)) for one in step.checks],
            containers=[replace(one, state=mask(one.state)) for one in step.containers],
        )

    def _engines(self, report: Report, stand_ins: Iterable[StandIn]) -> list[Engine]:
        """Those that ran in containers, with their images, and stand-ins that ran in none."""
        contained = self._containers(report)
        names = dict.fromkeys(one.name for one in stand_ins if one.kind == "engine")
        seen = {engine.name for engine in contained}
        alone = (Engine(name=name, version=_version_of(name)) for name in names if name not in seen)
        return [*contained, *alone]

    def _containers(self, report: Report) -> list[Engine]:
        engines = {}
        stands = {
            one.instead_of: one.name
            for step in report.steps
            for one in step.stand_ins
            if one.kind == "engine"
        }
        for container in (one for step in report.steps for one in step.containers):
            row: dict[str, Any] = self._pins.rows(IMAGES).get(container.image, {})
            stood_in = stands.get(container.service, "")
            engines[container.image] = Engine(
                name=stood_in or row.get("engine", container.service),
                version=_version_of(stood_in) if stood_in else row.get("engine_version", ""),
                image=container.image,
                digest=container.digest,
            )
        return list(engines.values())

    def _real_models(self, plan: Plan, report: Report) -> list[Model]:
        """The models that steps which passed needed or made, less those that something stood in for or was made of."""
        passed = {
            step.id
            for step in report.steps
            if step.outcome is Outcome.PASSED and not any(one.kind == "model" for one in step.stand_ins)
        }
        stood_in = {one.instead_of for step in report.steps for one in step.stand_ins}
        named = (name for one in plan.steps if one.step.id in passed for name in models_of(one.step))
        models = self._pins.rows(MODELS)
        return [
            Model(name=name, revision=models.get(name, {}).get("revision", ""))
            for name in dict.fromkeys(named)
            if name not in stood_in
        ]


def refuse_pretence(target: str, gpu: str) -> None:
    """Only a GB10 can give evidence of a GB10, whatever `--target` says.

    Raises:
        GB10DocsError: The target is `gb10` and this machine's GPU is another, or none.
    """
    if target == "gb10" and "GB10" not in gpu:
        here = f"its GPU is {gpu}" if gpu else "it has no NVIDIA GPU"
        raise GB10DocsError(
            f"--record: this machine is no GB10 ({here}): record with --target auto, or leave --record out"
        )


def _version_of(stand_in: str) -> str:
    package = catalog.ENGINES[stand_in].distribution
    version = environments.version(package)
    return f"{package} {version}" if version else ""


def _packages(plan: Plan, ended: set[str]) -> dict[str, str]:
    """Versions of the packages that steps which came to an end declared."""
    named = (name for one in plan.steps if one.step.id in ended for name in one.step.snippet.header.packages)
    return {name: environments.version(name) for name in sorted(set(named))}


def _stand_in_models(stand_ins: Iterable[StandIn]) -> list[Model]:
    from gb10docs.standins.weights import SMOLLM2

    pinned = {catalog.MODEL: f"sha256:{SMOLLM2.file.sha256}"}
    names = dict.fromkeys(one.name for one in stand_ins if one.kind == "model")
    return [Model(name=name, revision=pinned.get(name, "")) for name in names]


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, None where it says nothing in time, is missing, or the tree is none of its."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            start_new_session=True,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() if asked.returncode == 0 else None
