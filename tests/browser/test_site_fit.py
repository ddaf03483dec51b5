"""The fit-and-speed calculator: its arithmetic against Python's, and what a reader can do with it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from accessibility import violations
from playwright.sync_api import Browser, Locator, Page, expect
from website import built, chromium, from_disk, served

from gb10docs.models.roofline import CACHES, FORMATS, MACHINES, MODELS, bundled, estimate
from gb10docs.models.roofline.shown import ROUTING, shown

PLACE = "[data-figure=fit-and-speed]"
BATCHES = (1, 2, 8, 33, 256)
CONTEXTS = (0, 1, 128, 4096, 32_768, 131_072)

COMPUTED = """choices => {
  const tables = JSON.parse(document.querySelector("[data-figure=fit-and-speed]").dataset.tables);
  return choices.map(choice => gb10docsFit.shown(tables, choice));
}"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(built()) as url:
        yield f"{url}theory/bytes-and-speed/"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(address)
        yield page


@pytest.mark.parametrize("model", MODELS)
def test_the_script_computes_what_python_does_to_the_digit_shown(page: Page, model: str) -> None:
    formats = [name for name, one in FORMATS.items() if one.suits(bundled(model).experts)]
    names = ("format", "machine", "cache", "batch", "context")
    choices = [
        {"model": model, **dict(zip(names, values, strict=True))}
        for values in product(formats, MACHINES, CACHES, BATCHES, CONTEXTS)
    ]
    wrong = [
        (choice, told, expected)
        for choice, told in zip(choices, page.evaluate(COMPUTED, choices), strict=True)
        if told != (expected := _expected(choice))
    ]
    assert wrong == []
    assert len(choices) >= 8 * 4 * 2 * len(BATCHES) * len(CONTEXTS)


def control(page: Page, name: str) -> Locator:
    """One of the calculator's six."""
    return page.locator(PLACE).get_by_label(name, exact=True)


def _expected(choice: dict[str, Any]) -> dict[str, str]:
    made = estimate(
        bundled(choice["model"]),
        FORMATS[choice["format"]],
        MACHINES[choice["machine"]],
        batch=choice["batch"],
        context=choice["context"],
        cache=choice["cache"],
    )
    return shown(made)


def test_what_is_chosen_is_what_is_shown(page: Page) -> None:
    place, verdict = page.locator(PLACE), page.get_by_role("status")
    control(page, "Model").select_option("Qwen3-30B-A3B")
    control(page, "Format").select_option("fp8")
    control(page, "Machine").select_option("rtx-5090")
    control(page, "KV cache").select_option("fp8")
    control(page, "Batch").fill("8")
    control(page, "Context, tokens").fill("32768")
    told = _expected({
        "model": "Qwen3-30B-A3B", "format": "fp8", "machine": "rtx-5090", "cache": "fp8", "batch": 8, "context": 32_768
    })  # fmt: skip
    expect(verdict).to_have_text(
        f"Does not fit: {told['needed']} of {told['memory']}. At most {told['ceiling']}."
    )
    expect(place.get_by_text("Expected")).to_have_count(0)
    text = place.inner_text()
    assert [value for value in told.values() if value not in text and value != "does not fit"] == []
    assert ROUTING in text
    assert violations(page) == []


def test_a_model_brings_its_own_format_and_others_that_suit(page: Page) -> None:
    formats = control(page, "Format")
    expect(formats).to_have_value("nvfp4")
    expect(formats.locator("option[value=mxfp4-experts]")).to_be_disabled()
    control(page, "Model").select_option("gpt-oss-120b")
    expect(formats).to_have_value("mxfp4-experts")
    expect(formats.locator("option[value=mxfp4-gguf]")).to_be_enabled()
    control(page, "Model").select_option("Llama-3.1-8B")
    expect(formats).to_have_value("nvfp4")


def test_it_works_by_keyboard(page: Page) -> None:
    control(page, "Model").focus()
    page.keyboard.type("gpt-oss-2")
    for _ in range(4):
        page.keyboard.press("Tab")
    expect(control(page, "Batch")).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Tab")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("0")
    told = _expected({
        "model": "gpt-oss-20b", "format": "mxfp4-experts", "machine": "gb10", "cache": "bf16", "batch": 2, "context": 0
    })  # fmt: skip
    expect(page.get_by_role("status")).to_contain_text(f"At most {told['ceiling']}")
    expect(page.locator(PLACE).get_by_text("Prefill")).to_have_count(0)


@pytest.mark.parametrize(
    ("label", "text"), [("Batch", "0"), ("Batch", ""), ("Context, tokens", "-1"), ("Batch", "1.5")]
)
def test_a_wrong_number_is_told_and_changes_nothing(page: Page, label: str, text: str) -> None:
    before = page.locator(".gb-fit__facts").inner_text()
    control(page, label).fill(text)
    expect(page.get_by_role("status")).to_contain_text("Write a whole number from")
    expect(control(page, label)).to_have_attribute("aria-invalid", "true")
    assert page.locator(".gb-fit__facts").inner_text() == before
    assert violations(page) == []
    control(page, label).fill("2")
    expect(page.get_by_role("status")).to_contain_text("Fits")
    expect(control(page, label)).not_to_have_attribute("aria-invalid", "true")


def test_without_scripts_there_is_a_table(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address)
        rows = page.locator("table", has_text="Memory needed").locator("tbody tr")
        assert [row.locator("td").first.inner_text() for row in rows.all()] == list(MODELS)
        expect(page.locator(PLACE)).to_contain_text("This needs JavaScript")
        folded = page.locator("details", has_text="Code of this figure")
        expect(folded.get_by_text("calculator.show()")).to_be_hidden()


def test_it_works_from_disk(browser: Browser) -> None:
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((from_disk() / "theory/bytes-and-speed.html").as_uri())
        control(page, "Model").select_option("Qwen3-32B")
        told = _expected({
            "model": "Qwen3-32B", "format": "nvfp4", "machine": "gb10", "cache": "bf16", "batch": 1, "context": 4096
        })  # fmt: skip
        expect(page.get_by_role("status")).to_contain_text(told["expected"])
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_other_pages_do_not_load_it(page: Page, address: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address.replace("theory/bytes-and-speed/", ""), wait_until="networkidle")
    assert [url for url in asked if "fit-and-speed" in url] == []
