from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gb10docs.results import plots

CSS = Path(__file__).parents[2] / "gb10docs/site/theme/assets/gb10docs.css"
ALT = "Tokens per second rise with the batch, “quickly” & < 64."
VISION = {
    "normal": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}  # fmt: skip
"""How three kinds of colour blindness see linear RGB: Machado, Oliveira and Fernandes 2009, severity 1."""


def draw() -> Figure:
    figure, axes = plots.figure(height=200)
    axes.plot([1, 2, 4], [3, 1, 2], "o--", color=plots.FORMATS["NVFP4"], label="NVFP4")
    axes.fill_between([1, 4], [0, 1], color=plots.ORANGE, alpha=0.2)
    axes.set(xlabel="batch", title="Speed")
    axes.legend()
    return figure


def schemes() -> dict[str, dict[str, str]]:
    """The style sheet's variables of each colour scheme."""
    parts = re.findall(r'\[data-md-color-scheme="(\w+)"\] \{(.*?)\n\}', CSS.read_text(), re.DOTALL)
    return {name: dict(re.findall(r"(--gb-[\w-]+): (#\w+);", text)) for name, text in parts[:2]}


def test_a_plot_is_alike_every_time() -> None:
    assert plots.svg(draw(), ALT) == plots.svg(draw(), ALT)


def test_a_plot_says_what_it_shows_and_brings_no_style_of_its_own() -> None:
    drawn = plots.svg(draw(), ALT)
    root = ElementTree.fromstring(drawn)
    assert (root.get("role"), root.get("aria-label")) == ("img", ALT)
    assert root.get("viewBox") == f"0 0 {plots.WIDTH} 200"
    assert {"width", "height"}.isdisjoint(root.attrib)
    assert not re.search(r"<style|<metadata|font-family|xlink|dc:date|#000000", drawn)
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")][-2:] == ["Speed", "NVFP4"]
    assert len(drawn) < 12_000


def test_two_plots_on_a_page_share_no_name() -> None:
    names = [set(re.findall(r'id="([^"]+)"', plots.svg(draw(), alt))) for alt in (ALT, ALT + " Again.")]
    assert all(names)
    assert names[0].isdisjoint(names[1])


def test_every_name_that_is_used_is_there() -> None:
    drawn = plots.svg(draw(), ALT)
    used = set(re.findall(r'(?:url\(|href=")#(\w+)', drawn))
    assert used
    assert used == set(re.findall(r'id="([^"]+)"', drawn))


def test_colours_are_the_pages() -> None:
    drawn = plots.svg(draw(), ALT)
    named = dict(re.findall(r"var\((--gb-[\w-]+), (#\w+)\)", drawn))
    assert {"--gb-plot-blue", "--gb-plot-orange", "--gb-muted", "--gb-line", "--gb-ink"} == set(named)
    assert set(re.findall(r"#[0-9a-f]{6}", drawn)) == set(named.values())


def test_the_style_sheet_has_every_colour_and_the_same_for_the_light_scheme() -> None:
    light, dark = schemes().values()
    for colour, name in plots.COLOURS.items():
        assert light[name].replace("#fff", "#ffffff") in (colour, f"{colour}fff"), name
        assert name in dark


@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_colours_are_told_apart_from_the_page_and_from_each_other(scheme: str) -> None:
    colours = schemes()[scheme]
    named = {name: colours[name] for name in colours if name.startswith("--gb-plot-")}
    assert len(named) == 5
    for name, colour in named.items():
        assert contrast(colour, colours["--gb-paper"]) >= 3, name
    for vision, matrix in VISION.items():
        for one, other in itertools.combinations(named, 2):
            apart = np.linalg.norm(lab(named[one], matrix) - lab(named[other], matrix))
            assert apart >= 16, (vision, one, other)


def linear(colour: str) -> NDArray[np.float64]:
    """Linear RGB of a hexadecimal colour."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    shares = np.array([int(digits[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""
    dark, light = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return float((light + 0.05) / (dark + 0.05))


def lab(colour: str, vision: object) -> NDArray[np.float64]:
    """CIELAB of a colour as somebody sees it; a distance of 10 is seen at a glance."""
    seen = np.clip(np.asarray(vision) @ linear(colour), 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(to_xyz @ seen / [0.9505, 1, 1.089])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("alt", ["", "a plot", "Tokens per second"])
def test_a_plot_without_a_sentence_is_refused(alt: str) -> None:
    with pytest.raises(ValueError, match="say what the figure shows"):
        plots.show(draw(), alt)


def test_outside_of_a_notebook_the_sentence_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    plots.show(draw(), ALT)
    assert capsys.readouterr().out == f"{ALT}\n"
