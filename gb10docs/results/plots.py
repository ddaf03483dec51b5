"""Plots of the theory notebooks: one look, as SVG that takes its colours and its type from the page around it.

Example:
    figure, axes = plots.figure(height=200)
    axes.plot(batch, speed, color=plots.FORMATS["NVFP4"])
    plots.show(figure, "Tokens per second rise with the batch up to 64, then stay at 900.")
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 440
"""Width of every plot, in units that are 1.3 CSS pixels on a desktop and 0.8 on a phone; heights are in the same."""

BLUE, ORANGE, GREEN, PINK, GREY = "#2457c5", "#c75000", "#00795c", "#c0569b", "#4b5563"
"""Five that stay apart for colour-blind readers; the page has others of these names for its dark scheme."""
INK, MUTED, LINE, PAPER = "#1b1f27", "#565d6a", "#e2e5ea", "#ffffff"

FORMATS = {"NVFP4": BLUE, "MXFP4": ORANGE, "INT4": GREEN, "FP8": PINK, "BF16": GREY}
"""A format has the same colour on every page."""

COLOURS = {
    BLUE: "--gb-plot-blue", ORANGE: "--gb-plot-orange", GREEN: "--gb-plot-green", PINK: "--gb-plot-pink",
    GREY: "--gb-plot-grey", INK: "--gb-ink", MUTED: "--gb-muted", LINE: "--gb-line", PAPER: "--gb-paper",
}  # fmt: skip
"""The style sheet's name of each colour."""

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True, "axes.edgecolor": MUTED, "axes.facecolor": "none", "axes.grid": True,
    "axes.labelcolor": MUTED, "axes.labelsize": 12, "axes.linewidth": 0.8,
    "axes.prop_cycle": f"cycler('color', {[BLUE, ORANGE, GREEN, PINK, GREY]})", "axes.spines.right": False,
    "axes.spines.top": False, "axes.titlecolor": INK, "axes.titlelocation": "left", "axes.titlesize": 12,
    "axes.titleweight": "bold", "figure.facecolor": "none", "figure.labelsize": 12, "figure.titlesize": 12,
    "font.size": 12, "grid.color": LINE, "hatch.color": PAPER, "legend.fontsize": 12, "legend.frameon": False,
    "lines.linewidth": 2, "lines.markersize": 5, "patch.linewidth": 0, "svg.fonttype": "none",
    "text.color": INK, "xtick.color": MUTED, "xtick.labelsize": 11, "ytick.color": MUTED, "ytick.labelsize": 11,
}  # fmt: skip
_SVG = "{http://www.w3.org/2000/svg}"
_NAMES = {"{http://www.w3.org/1999/xlink}href": "href"}
_NO_DATES = {"Creator": None, "Date": None, "Format": None, "Type": None}
_LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_NAMED = re.compile(r"(?:^|url\()#(\w+)\)?$")


def figure(height: float = 240, *, rows: int = 1, columns: int = 1, **grid: Any) -> tuple[Figure, Any]:
    """An empty figure and its axes, as `matplotlib.pyplot.subplots` gives them; `grid` goes there too."""
    from matplotlib import style
    from matplotlib.figure import Figure

    style.use(_STYLE)
    made = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, layout="constrained")
    return made, made.subplots(rows, columns, **grid)


def show(figure: Figure, alt: str) -> None:
    """Put a figure under its cell; `alt` says in a sentence or two what the figure shows to who cannot see it.

    Raises:
        ValueError: `alt` is no sentence.
    """
    from IPython.display import display

    if len(alt.split()) < 4:
        raise ValueError(f"say what the figure shows, not {alt!r}")
    display(Plot(figure, alt))  # type: ignore[no-untyped-call]


class Plot:
    """A drawn figure, as IPython takes it: an SVG for the page, its alt text for the page's twin."""

    def __init__(self, figure: Figure, alt: str) -> None:
        self._figure, self._alt = figure, alt

    def __repr__(self) -> str:
        return self._alt

    def _repr_svg_(self) -> str:
        return svg(self._figure, self._alt)


def svg(figure: Figure, alt: str) -> str:
    """The figure as SVG to stand in a page: no style sheet of its own, and names that no other figure has."""
    from matplotlib import rc_context

    drawn = io.StringIO()
    with rc_context({"svg.hashsalt": alt}):
        figure.savefig(drawn, format="svg", transparent=True, metadata=_NO_DATES)
    root = ElementTree.fromstring(drawn.getvalue())  # noqa: S314 - matplotlib's own
    root.attrib = {
        "viewBox": root.attrib["viewBox"], "role": "img", "aria-label": alt, "stroke-linejoin": "round"
    }  # fmt: skip
    _tidy(root)
    ElementTree.register_namespace("", _SVG.strip("{}"))
    return re.sub(r">\s+<", "><", ElementTree.tostring(root, encoding="unicode"))


def _tidy(root: ElementTree.Element) -> None:
    """Drop what only matplotlib needs, and shorten the rest."""
    values = [value for node in root.iter() for value in node.attrib.values()]
    named = {name for value in values for name in _NAMED.findall(value)}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    for node in root.iter():
        if node.get("id") not in named:
            node.attrib.pop("id", None)
        node.attrib = {_NAMES.get(name, name): _short(name, value) for name, value in node.attrib.items()}


def _short(name: str, value: str) -> str:
    """An attribute's value: the page's colours and type, two decimals."""
    if name == "style":
        value = ";".join(part for part in re.split(r";\s*", value) if not part.startswith("font-family"))
        for colour, variable in COLOURS.items():
            value = value.replace(colour, f"var({variable}, {colour})")
    value = _LONG.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), value)
    return " ".join(value.split()) if name == "d" else value
