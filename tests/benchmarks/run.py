"""`make bench`: our runner and its peers on the same page, whole processes in turn.

Prints what each takes as a ratio to the baseline beside it, then our limits; exits 1 if one is broken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from entries import Entry
from platformdirs import user_cache_path
from processes import Run, clean_environment, run
from tools import BASELINE, BOTH, OURS, PEERS

RATIO_LIMIT = 0.22
MARGIN_LIMITS_MS = {"bash": 0.5, "python": 1.5}
GROWTH_LIMIT = 1.1
"""Time may grow by this much more than the page does: 11 times for 10 times the snippets."""
MEMORY_LIMIT_MB = 150
STARTUP_LIMIT_MS = 350


@dataclass(frozen=True)
class Limit:
    """A bound on our runner, and what was measured; what could not be measured does not hold."""

    what: str
    limit: float
    measured: float | None

    @property
    def holds(self) -> bool:
        return self.measured is not None and self.measured <= self.limit

    def line(self) -> str:
        measured = "not measured" if self.measured is None else f"{self.measured:.3g}"
        return f"{'PASS' if self.holds else 'FAIL'}  {self.what:<44} {measured:>12}   at most {self.limit:g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything, print it, and return the exit status."""
    options = parse(arguments)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, median (min–max) of {options.rounds}")
    with tempfile.TemporaryDirectory(prefix="gb10docs-bench-") as folder:
        entries, alone = enter(options, Path(folder), user_cache_path("gb10docs") / "bench")
        for size in options.sizes:
            together = [entry for entry in entries if entry.size == size]
            compete(together, options.rounds, share_baseline=size != options.sizes[0])
            print("\n" + table(size, together), flush=True)
        take_turns(alone, options.rounds)
        for entry in alone:
            if entry.error:
                print(f"\n{entry.tool.name} on {entry.size} {entry.languages[0]} snippets: {entry.error}")
        limits = judge(entries, alone, startup_ms(Path(folder), options.rounds))
    print("", *(limit.line() for limit in limits), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(record([*entries, *alone], limits), indent=2) + "\n")
    return 0 if all(limit.holds for limit in limits) else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument(
        "--sizes", type=int, nargs=2, default=[200, 2000], metavar="N", help="snippets of each language"
    )
    parser.add_argument("--peers", choices=["none", "all", *(tool.name for tool in PEERS)], default="all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep every run here")
    return parser.parse_args(arguments)


def enter(options: argparse.Namespace, arena: Path, cache: Path) -> tuple[list[Entry], list[Entry]]:
    """The entries of the competition, and those of our runner on pages of one language."""
    peers = [tool for tool in PEERS if options.peers in {"all", tool.name}]
    tools = (OURS, *peers)
    return (
        [Entry(tool, size, tool.languages, arena, cache) for size in options.sizes for tool in tools],
        [Entry(OURS, size, (language,), arena, cache) for language in BOTH for size in options.sizes],
    )


def compete(entries: Sequence[Entry], rounds: int, *, share_baseline: bool) -> None:
    """Run the entries in turn, each followed by the baseline on the same snippets; once a round if shared."""
    baselines = {
        entry.languages: Entry(BASELINE, entry.size, entry.languages, entry.arena, entry.cache)
        for entry in entries
    }
    for entry in [*entries, *baselines.values()]:
        entry.prepare()
    for _ in range(rounds):
        nearest: dict[tuple[str, ...], Run] = {}
        for entry in entries:
            if entry.run():
                if not share_baseline or entry.languages not in nearest:
                    nearest[entry.languages] = baselines[entry.languages].run_once()
                entry.baseline.append(nearest[entry.languages])


def take_turns(entries: Sequence[Entry], rounds: int) -> None:
    """Run the entries in turn, with no baseline."""
    for entry in entries:
        entry.prepare()
    for _ in range(rounds):
        for entry in entries:
            entry.run()


def startup_ms(folder: Path, rounds: int) -> float | None:
    """Median wall time of `gb10docs --help`, after one that does not count; None where it fails."""
    program = Path(sys.executable).with_name("gb10docs")
    environment = clean_environment(folder, program)
    if not program.exists():
        return None
    runs = [run([str(program), "--help"], folder, environment) for _ in range(2 * rounds + 1)]
    return None if any(each.status for each in runs) else 1000 * median(each.seconds for each in runs[1:])


def judge(entries: Sequence[Entry], alone: Sequence[Entry], startup: float | None) -> list[Limit]:
    """Our figures against the limits."""
    small, big = (entry for entry in entries if entry.tool is OURS)
    whole = not (small.error or big.error)
    margins = {
        language: margin_ms(*(entry for entry in alone if entry.languages == (language,)))
        for language in BOTH
    }
    times = big.size / small.size
    return [
        Limit(
            f"× baseline at {2 * small.size} snippets",
            RATIO_LIMIT,
            None if small.error else median(small.ratios),
        ),
        *(
            Limit(f"ms a {language} snippet at the margin", MARGIN_LIMITS_MS[language], margin)
            for language, margin in margins.items()
        ),
        Limit(
            f"× the time for {times:g} × the snippets",
            GROWTH_LIMIT * times,
            median(big.seconds) / median(small.seconds) if whole else None,
        ),
        Limit("MB at the peak", MEMORY_LIMIT_MB, max(small.peak_mb, big.peak_mb) if whole else None),
        Limit("ms for gb10docs --help", STARTUP_LIMIT_MS, startup),
    ]


def margin_ms(small: Entry, big: Entry) -> float | None:
    """What one more snippet costs: the difference of the medians over the difference of the sizes."""
    if small.error or big.error:
        return None
    return 1000 * (median(big.seconds) - median(small.seconds)) / (big.size - small.size)


def table(size: int, entries: Sequence[Entry]) -> str:
    """What each took, its ratio to the baseline, and its memory."""
    lines = [f"{size} snippets of each language", _cells("", "runs", "wall s", "× baseline", "peak MB")]
    for entry in entries:
        languages = " + ".join(entry.languages)
        lines.append(
            f"{entry.tool.name:<16} not measured: {entry.error}"
            if entry.error
            else _cells(
                entry.tool.name,
                languages,
                _spread(entry.seconds),
                _spread(entry.ratios),
                f"{entry.peak_mb:.0f}",
            )
        )
    return "\n".join(lines)


def record(entries: Sequence[Entry], limits: Sequence[Limit]) -> dict[str, object]:
    """Every run and every limit as plain values."""
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "entries": [
            {
                "tool": entry.tool.name,
                "pins": entry.tool.pins,
                "languages": entry.languages,
                "size": entry.size,
                "error": entry.error or None,
                "seconds": entry.seconds,
                "ratios": entry.ratios,
                "peak_mb": [each.peak_mb for each in entry.runs],
            }
            for entry in entries
        ],
        "limits": [{**asdict(limit), "holds": limit.holds} for limit in limits],
    }


def _cells(name: str, languages: str, wall: str, ratio: str, peak: str) -> str:
    return f"{name:<16} {languages:<14} {wall:>20} {ratio:>20} {peak:>8}"


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
