"""A tool on one page, and what its runs took."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import dialects
from processes import Run, clean_environment, run
from tools import Tool, ToolError, last_lines


@dataclass
class Entry:
    """A tool with a page of its own, its counted runs, and the baseline's that each is compared with."""

    tool: Tool
    size: int
    languages: tuple[str, ...]
    arena: Path
    """Where the page is written, beside those of the others."""

    cache: Path
    """Where the tools' environments are kept."""

    runs: list[Run] = field(default_factory=list)
    baseline: list[Run] = field(default_factory=list)
    error: str = ""

    @property
    def folder(self) -> Path:
        return self.arena / f"{self.tool.name}-{'-'.join(self.languages)}-{self.size}"

    @property
    def seconds(self) -> list[float]:
        return [run.seconds for run in self.runs]

    @property
    def ratios(self) -> list[float]:
        return [mine.seconds / theirs.seconds for mine, theirs in zip(self.runs, self.baseline, strict=False)]

    @property
    def peak_mb(self) -> float:
        return max(run.peak_mb for run in self.runs)

    def prepare(self) -> None:
        """Install the tool, write its page and run it once, uncounted; what goes wrong becomes its error."""
        try:
            self.tool.python(self.cache)
            self.tool.write(self.folder, dialects.snippets(self.size, self.languages))
            self.run_once()
        except (ToolError, OSError, LookupError, ValueError) as error:
            self.error = str(error)

    def run(self) -> bool:
        """Run once and count it; False where the tool failed, now or before."""
        try:
            if not self.error:
                self.runs.append(self.run_once())
        except (ToolError, OSError, LookupError, ValueError) as error:
            self.error = str(error)
        return not self.error

    def run_once(self) -> Run:
        """Run the tool, and believe it only if every snippet ran.

        Raises:
            ToolError: It failed or ran fewer.
        """
        home = self.arena / "home"
        home.mkdir(exist_ok=True)
        python = self.tool.python(self.cache)
        done = run(self.tool.command(python, self.folder), self.folder, clean_environment(home, python))
        if done.status:
            raise ToolError(f"exit status {done.status}: {last_lines(done.output)}")
        expected = self.size * len(self.languages)
        if (ran := self.tool.ran(done, self.folder)) != expected:
            raise ToolError(f"{ran} of {expected} snippets ran: {last_lines(done.output)}")
        return done
