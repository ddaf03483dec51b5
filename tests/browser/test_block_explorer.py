"""The block explorer: its arithmetic is that of `gb10docs.models.formats`, and everyone can use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accessibility import violations
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, expect
from website import ROOT, built, chromium, from_disk, served

from gb10docs.models.formats import bf16, e2m1, e4m3, int4, mxfp4, nvfp4

SCRIPT = ROOT / "docs/assets/figures/block-explorer.js"
PAGE = "theory/blocks-and-scales/"
LOOKS = [
    pytest.param(
        {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}, id=f"{scheme}-{width}"
    )
    for scheme in ("light", "dark")
    for width in (1280, 360)
]
COMPUTE = """cases => JSON.stringify(cases.map(([values, largest]) => Object.fromEntries(
  Object.entries(gb10docsFormats).map(([name, quantize]) => {
    const { codes, scales, values: restored } = quantize(values, largest);
    return [name, [codes, scales, [...new Uint32Array(Float32Array.from(restored).buffer)]]];
  }))))"""

Case = tuple[NDArray[np.float32], np.float32]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(built()) as url:
        yield url


@pytest.fixture
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    with browser.new_context(reduced_motion="reduce", **getattr(request, "param", {})) as context:
        page = context.new_page()
        page.goto(address + PAGE)
        yield page


def random_blocks() -> Iterator[Case]:
    """A thousand blocks of 16 or 32, with the largest magnitude of the tensor that each comes from."""
    random = np.random.default_rng(4)
    ties = (e4m3.VALUES[:0x7E] + e4m3.VALUES[1:0x7F]) / 2
    for at in range(1000):
        block = _shape(random, at % 10, (16, 32)[at % 2]).astype(np.float32)
        scale = 10.0 ** random.integers(-6, 4) if at % 10 != 3 else 2.0 ** random.integers(-9, 9)
        block *= np.float32(scale)
        largest = np.float32(np.abs(block).max() or 1) * np.float32((1, 1.5, 7, 3e4, 2e5, 1e6)[at % 6])
        if at % 10 == 9:
            block[0] = random.choice(ties) * (e2m1.MAX * (largest / nvfp4.RANGE))
        yield block, np.maximum(largest, np.abs(block).max())


def _shape(random: np.random.Generator, kind: int, size: int) -> Any:
    if kind == 0:
        return np.where(random.random(size) < 0.5, 0.0, -0.0)
    if kind == 1:
        return random.standard_t(2, size)
    if kind == 2:
        return random.choice([*e2m1.MIDPOINTS, 6], size) * random.choice([-1, 1], size)
    if kind == 3:
        return np.append(random.integers(-15, 16, size - 1) / 2, 7.5)
    if kind == 4:
        return bf16.round(random.normal(size=size).astype(np.float32))
    if kind == 5:
        return np.where(random.random(size) < 0.1, random.normal(size=size), 0)
    if kind == 6:
        return np.repeat([np.float32(1), np.float32(1e-5)], size // 2)
    return random.normal(size=size)


def reference(block: NDArray[np.float32], largest: np.float32) -> dict[str, list[Any]]:
    """What `gb10docs.models.formats` makes of a block: codes, stored scales, the bits of what is restored."""
    padded = np.zeros(mxfp4.BLOCK, np.float32)
    padded[: len(block)] = block
    made: dict[str, Any] = {
        "nvfp4": nvfp4.quantize(block, tensor_scale=float(largest / nvfp4.RANGE)),
        "mxfp4": mxfp4.quantize(padded),
        "int4": int4.quantize(block, group=len(block)),
    }
    stored = {name: one.scales.view(np.uint16 if name == "int4" else np.uint8) for name, one in made.items()}
    return {
        name: [
            one.codes[: len(block)].tolist(),
            stored[name].tolist(),
            one.dequantize()[: len(block)].view(np.uint32).tolist(),
        ]
        for name, one in made.items()
    }


def test_it_computes_what_the_reference_does_bit_for_bit(browser: Browser) -> None:
    cases = list(random_blocks())
    scales = {byte for case in cases for byte in reference(*case)["nvfp4"][1]}
    assert {1, 2, 5, 0x38, 0x7E} <= scales, "subnormal scales, those of zeros, and the largest are among them"
    page = browser.new_page()
    page.add_script_tag(path=SCRIPT)
    found = json.loads(
        page.evaluate(COMPUTE, [[[float(x) for x in block], float(largest)] for block, largest in cases])
    )
    for (block, largest), one in zip(cases, found, strict=True):
        assert one == reference(block, largest), (block, largest)
    page.close()


def explorer(page: Page) -> Locator:
    return page.get_by_role("group", name="Block explorer")


def test_it_shows_at_first_what_is_printed_above_it(page: Page) -> None:
    printed = page.locator(".gb-output", has_text="SQNR").last.inner_text()
    ratios = [line.rsplit(" ", 2)[1] for line in printed.strip().splitlines()[-3:]]
    assert explorer(page).get_by_role("status").inner_text() == (
        f"Signal to noise: NVFP4 {ratios[0]} dB, MXFP4 {ratios[1]} dB, INT4 {ratios[2]} dB."
    )
    rows = [line.split() for line in printed.strip().splitlines()[1:17]]
    for row, line in zip(explorer(page).locator("tbody tr").all(), rows, strict=True):
        assert row.get_by_role("textbox").input_value() == line[0]
        assert row.locator("code").all_inner_texts() == line[1::2]


def test_a_weight_is_typed_dragged_and_moved_by_keys(page: Page) -> None:
    figure = explorer(page)
    slider = figure.get_by_role("slider", name="Weight 1", exact=True)
    typed = figure.get_by_role("textbox", name="Weight 1, typed")
    codes = figure.locator("tbody tr").first.locator("code")
    before = figure.get_by_role("status").inner_text()
    typed.fill("−0.09")
    expect(codes).to_have_text(["1111", "1111", "0001"])
    assert figure.get_by_role("status").inner_text() != before
    assert slider.get_attribute("aria-valuetext") == "−0.0900"

    slider.focus()
    page.keyboard.press("Home")
    lowest = typed.input_value()
    page.keyboard.press("ArrowUp")
    assert float(lowest) < float(typed.input_value()) < -0.09

    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4, steps=4)
    page.mouse.up()
    reach = -float(lowest)
    assert float(typed.input_value()) == pytest.approx(reach / 2, rel=0.05)


def test_what_is_no_number_is_marked_and_changes_nothing(page: Page) -> None:
    figure = explorer(page)
    before = figure.get_by_role("status").inner_text()
    for name in ("Weight 2, typed", "Largest in the tensor"):
        field = figure.get_by_role("textbox", name=name)
        right = field.input_value()
        for text in ("", "0.1.2", "1e40", "NaN"):
            field.fill(text)
            expect(field).to_have_attribute("aria-invalid", "true")
        assert figure.get_by_role("status").inner_text() == before
        field.fill(right)
        expect(field).not_to_have_attribute("aria-invalid", "true")


def test_the_largest_weight_of_the_tensor_takes_bits_from_the_scale_of_nvfp4_alone(page: Page) -> None:
    figure = explorer(page)
    before = figure.get_by_role("status").inner_text()
    figure.get_by_role("textbox", name="Largest in the tensor").fill("100000")
    after = figure.get_by_role("status").inner_text()
    assert after.split(", ")[1:] == before.split(", ")[1:]
    assert after.split(", ")[0] != before.split(", ")[0]


def test_every_example_can_be_chosen_in_both_sizes(page: Page) -> None:
    figure = explorer(page)
    size, example = (figure.get_by_role("combobox", name=name) for name in ("Weights", "Example"))
    verdicts = set()
    for title in example.locator("option").all_inner_texts():
        for count in ("32", "16"):
            example.select_option(label=title)
            size.select_option(count)
            assert figure.get_by_role("slider").count() == figure.locator("tbody tr").count() == int(count)
            verdicts.add(figure.get_by_role("status").inner_text())
            assert "NaN" not in figure.inner_text()
    assert len(verdicts) == 10, "each another, but for ties and zeros"


@pytest.mark.parametrize("page", LOOKS, indirect=True)
def test_axe_finds_nothing_in_its_fullest_state(page: Page) -> None:
    figure = explorer(page)
    figure.get_by_role("combobox", name="Weights").select_option("32")
    figure.get_by_role("combobox", name="Example").select_option(label="Small for its tensor")
    figure.get_by_role("textbox", name="Weight 3, typed").fill("none")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for part in figure.locator(":scope > *").all():
        assert part.evaluate("one => one.scrollWidth <= one.clientWidth + 1"), part.get_attribute("class")


def test_nothing_moves_when_it_appears(browser: Browser, address: str) -> None:
    """Its place is kept: what stands below it stays where it was before the script came."""
    for width in (1280, 390):
        tops = []
        for scripts in (False, True):
            with browser.new_context(
                java_script_enabled=scripts, viewport={"width": width, "height": 800}
            ) as context:
                page = context.new_page()
                page.goto(address + PAGE)
                box = page.locator("[data-figure=block-explorer]").bounding_box()
                assert box
                tops.append(box["height"])
        assert tops[0] == pytest.approx(tops[1], abs=60), width


def test_without_scripts_it_says_where_to_look(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address + PAGE)
        expect(page.get_by_text("what it shows at first is printed above")).to_be_visible()


def test_it_works_from_disk(browser: Browser) -> None:
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        page.goto((from_disk() / f"{PAGE.rstrip('/')}.html").as_uri())
        explorer(page).get_by_role("textbox", name="Weight 1, typed").fill("0.0905")
        expect(explorer(page).locator("tbody code").first).to_have_text("0111")


def test_only_pages_that_have_it_bring_it() -> None:
    having = {page.parent.name for page in built().rglob("*.html") if "block-explorer.js" in page.read_text()}
    assert having == {Path(PAGE).name}
