"""What a reader gets, measured in a real browser: access, weight, stillness, keyboard, links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from accessibility import violations
from links import broken
from playwright.sync_api import Browser, Page, Response
from website import built, chromium, served

KINDS = {
    "home": "",
    "lesson": "lessons/lesson-03/",
    "landing": "engines/",
    "notebook": "theory/e2m1/",
    "reference": "reference/snippet-header/",
    "evidence": "evidence/",
    "how-to": "how-to/own-docs/",
    "404": "no-such-page/",
}
WIDTHS = {"desktop": 1280, "phone": 390}
MOST_BYTES = 150_000
SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => { window.shifted += entry.value }))
    .observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(built()) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    settings: dict[str, Any] = getattr(request, "param", {})
    with browser.new_context(**{"reduced_motion": "reduce", **settings}) as context:
        yield context.new_page()


def looks() -> list[Any]:
    return [
        pytest.param({"color_scheme": scheme, "viewport": {"width": width, "height": 900}}, id=f"{scheme}-{name}")
        for scheme in ("light", "dark")
        for name, width in WIDTHS.items()
    ]


@pytest.mark.parametrize("page", looks(), indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(page: Page, address: str, kind: str) -> None:
    page.goto(address + KINDS[kind], wait_until="networkidle")
    assert violations(page) == []


@pytest.mark.parametrize("page", looks(), indirect=True)
def test_axe_finds_nothing_in_open_search(page: Page, address: str) -> None:
    page.goto(address, wait_until="networkidle")
    page.keyboard.press("/")
    page.keyboard.type("bandwidth")
    page.wait_for_selector(".md-search-result__item")
    assert violations(page) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_light_still_and_asks_no_other_host(page: Page, address: str, kind: str) -> None:
    answers: list[Response] = []
    complaints: list[str] = []
    page.on("response", lambda answer: answers.append(answer))
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(SHIFTS)
    page.goto(address + KINDS[kind], wait_until="networkidle")
    for _ in range(page.evaluate("Math.ceil(document.body.scrollHeight / innerHeight)")):
        page.mouse.wheel(0, 700)
    page.wait_for_load_state("networkidle")

    if kind != "404":
        assert complaints == []
        assert [answer.url for answer in answers if not answer.ok] == []
    assert [answer.url for answer in answers if not answer.url.startswith(address)] == []
    assert page.evaluate("window.shifted") == 0
    sizes = {answer.url.removeprefix(address): int(answer.headers.get("content-length", 0)) for answer in answers}
    weight = sum(size for url, size in sizes.items() if not url.startswith("search/search_index"))
    print(f"{kind}: {weight} bytes compressed, {sizes}")
    assert weight <= MOST_BYTES


TABBED_TO = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const drawn = at.matches(".md-option, .tabbed-set > input") ?
      document.querySelector(`label[for="${at.id}"]:not([hidden])`) ?? at.nextElementSibling : at;
  const style = getComputedStyle(drawn), box = drawn.getBoundingClientRect();
  const ring = [drawn, ...drawn.querySelectorAll("*"), drawn.parentElement].some(part => {
    const look = getComputedStyle(part);
    return look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 1;
  });
  const inside = box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth && box.bottom > 0 &&
      box.top < innerHeight && style.visibility === "visible";
  at.dataset.reached = "yes";
  return {what: at.outerHTML.slice(0, 160), seen: inside && ring};
}"""
UNREACHED = """() => [...document.querySelectorAll("a[href], button, summary, input, [tabindex='0']")]
  .filter(one => one.checkVisibility({visibilityProperty: true, opacityProperty: true}) && !one.dataset.reached)
  .filter(one => one.tabIndex >= 0 && !one.matches("input[type=radio]"))
  .map(one => one.outerHTML.slice(0, 160))"""


@pytest.mark.parametrize("page", looks()[:2], indirect=True)
@pytest.mark.parametrize("kind", ["home", "lesson", "evidence"])
def test_everything_is_reached_by_keyboard_and_seen_in_focus(page: Page, address: str, kind: str) -> None:
    page.goto(address + KINDS[kind], wait_until="networkidle")
    unseen = []
    for _ in range(2000):
        page.keyboard.press("Tab")
        reached = page.evaluate(TABBED_TO)
        if reached is None:
            break
        if not reached["seen"]:
            unseen.append(reached["what"])
    assert unseen == []
    assert page.evaluate(UNREACHED) == []


@pytest.mark.parametrize("page", looks()[1:2], indirect=True)
def test_menu_and_search_open_by_keyboard_on_a_phone(page: Page, address: str) -> None:
    page.goto(address + KINDS["lesson"], wait_until="networkidle")
    page.locator("label[for=__drawer]", has_text="Menu").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="1: Your machine", exact=True).wait_for(state="visible")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="1: Your machine", exact=True).wait_for(state="hidden")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "query"


def test_a_reader_who_wants_no_motion_gets_none(page: Page, address: str) -> None:
    page.goto(address, wait_until="networkidle")
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter(one => parseFloat(getComputedStyle(one).transitionDuration) > 0.01).length"
    )
    assert moving == 0


def test_a_page_says_what_it_is_to_those_who_link_to_it(page: Page, address: str) -> None:
    page.goto(address + KINDS["lesson"])
    said = {
        name: page.locator(f"meta[property='og:{name}']").get_attribute("content")
        for name in ("title", "description", "site_name")
    }
    assert said["title"] == "Lesson 3: NVFP4 models and how to serve them"
    assert all(said.values())


def test_scripts_are_not_needed_to_read(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address + KINDS["lesson"])
        page.locator("details.gb-evidence > summary").first.click()
        assert page.locator("details.gb-evidence[open]").count() == 1


def test_every_link_and_anchor_leads_somewhere() -> None:
    assert list(broken(built())) == []
