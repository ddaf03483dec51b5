"""What a reader gets, measured in a real browser: access, weight, stillness, keyboard, links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from accessibility import violations
from links import broken
from playwright.sync_api import Browser, Page, Response, ViewportSize
from website import built, chromium, served

KINDS = {
    "home": "",
    "lesson": "lessons/lesson-03/",
    "landing": "engines/",
    "notebook": "theory/blocks-and-scales/",
    "calculator": "theory/bytes-and-speed/",
    "reference": "reference/snippet-header/",
    "evidence": "evidence/",
    "how-to": "how-to/own-docs/",
    "404": "no-such-page/",
}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 780}
MOST_BYTES = 150_000
SIZES = [pytest.param({"viewport": DESKTOP}, id="desktop"), pytest.param({"viewport": PHONE}, id="phone")]
LOOKS = [
    pytest.param({"color_scheme": scheme, "viewport": size}, id=f"{scheme}-{size['width']}")
    for scheme in ("light", "dark")
    for size in (DESKTOP, PHONE)
]

SHIFTS = """
window.shifted = [];
new PerformanceObserver(list => list.getEntries().forEach(shift => window.shifted.push(
    [shift.value, ...shift.sources.map(source => source.node?.outerHTML?.slice(0, 80))])))
    .observe({type: "layout-shift", buffered: true});
"""

FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  at.dataset.reached = "yes";
  const stand = at.matches(".md-option") ? at.nextElementSibling : document.querySelector(`label[for="${at.id}"]`);
  const drawn = at.matches("input[type=radio]") ? stand : at;
  const box = drawn.getBoundingClientRect();
  const ringed = [drawn, drawn.parentElement].map(getComputedStyle).some(
      style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1);
  const inView = box.width && box.height && box.right > 0 && box.left < innerWidth && box.bottom > 0
      && box.top < innerHeight && drawn.checkVisibility({visibilityProperty: true});
  return {what: at.outerHTML.slice(0, 160), seen: Boolean(inView && ringed)};
}"""

UNREACHED = """() => [...document.querySelectorAll("a[href], button, summary, input, [tabindex='0']")]
  .filter(one => one.tabIndex >= 0 && !one.dataset.reached && !one.matches("input[type=radio]"))
  .filter(one => one.checkVisibility({visibilityProperty: true, opacityProperty: true}))
  .map(one => one.outerHTML.slice(0, 160))"""


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
    settings: dict[str, Any] = {"reduced_motion": "reduce", **getattr(request, "param", {})}
    with browser.new_context(**settings) as context:
        yield context.new_page()


@pytest.mark.parametrize("page", LOOKS, indirect=True)
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(page: Page, address: str, kind: str) -> None:
    page.goto(address + KINDS[kind])
    assert violations(page) == []


@pytest.mark.parametrize("page", LOOKS, indirect=True)
def test_axe_finds_nothing_in_open_search(page: Page, address: str) -> None:
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("bandwidth")
    page.wait_for_selector(".md-search-result__item")
    assert violations(page) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_light_and_still_and_asks_no_other_host(page: Page, address: str, kind: str) -> None:
    answers: list[Response] = []
    complaints: list[str] = []
    page.on("response", lambda answer: answers.append(answer))
    page.on("console", lambda said: complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.add_init_script(SHIFTS)
    page.goto(address + KINDS[kind], wait_until="networkidle")
    for _ in range(page.evaluate("Math.ceil(document.body.scrollHeight / 700)")):
        page.mouse.wheel(0, 700)
    page.wait_for_load_state("networkidle")

    missing = [answer.url for answer in answers if not answer.ok]
    assert missing == ([address + KINDS[kind]] if kind == "404" else [])
    assert len(complaints) == len(missing), complaints
    assert [answer.url for answer in answers if not answer.url.startswith(address)] == []
    assert page.evaluate("window.shifted") == []
    sizes = {answer.url.removeprefix(address): int(answer.headers["content-length"]) for answer in answers}
    weight = sum(size for path, size in sizes.items() if not path.startswith("search/search_index"))
    print(f"{kind}: {weight} bytes compressed: {sizes}")
    assert weight <= MOST_BYTES


@pytest.mark.parametrize("page", SIZES, indirect=True)
@pytest.mark.parametrize("kind", ["home", "lesson", "notebook", "calculator", "evidence"])
def test_everything_is_reached_by_keyboard_and_seen_in_focus(page: Page, address: str, kind: str) -> None:
    page.goto(address + KINDS[kind])
    unseen = []
    for _ in range(2000):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if not focused:
            break
        if not focused["seen"]:
            unseen.append(focused["what"])
    assert unseen == []
    assert page.evaluate(UNREACHED) == []


@pytest.mark.parametrize("page", SIZES[1:], indirect=True)
def test_menu_and_search_open_by_keyboard_on_a_phone(page: Page, address: str) -> None:
    page.goto(address + KINDS["lesson"])
    first_lesson = page.get_by_role("link", name="1: Your machine", exact=True)
    page.locator("label[for=__drawer]", has_text="Menu").focus()
    page.keyboard.press("Enter")
    first_lesson.wait_for(state="visible")
    page.keyboard.press("Enter")
    first_lesson.wait_for(state="hidden")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "query"


def test_a_reader_who_wants_no_motion_gets_none(page: Page, address: str) -> None:
    page.goto(address)
    moving = page.evaluate("""[...document.querySelectorAll('*')]
        .filter(one => parseFloat(getComputedStyle(one).transitionDuration) > 0.01).length""")
    assert moving == 0


def test_a_page_says_what_it_is_to_those_who_link_to_it(page: Page, address: str) -> None:
    page.goto(address + KINDS["lesson"])
    title, description, site = (
        page.locator(f"meta[property='og:{name}']").get_attribute("content")
        for name in ("title", "description", "site_name")
    )
    assert title == "Lesson 3: NVFP4 models and how to serve them"
    assert site == "gb10docs"
    assert description


def test_scripts_are_not_needed_to_read(browser: Browser, address: str) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(address + KINDS["lesson"])
        page.locator("details.gb-evidence > summary").first.click()
        assert page.locator("details.gb-evidence[open]").count() == 1


def test_the_repository_is_not_linked_while_nobody_says_where_it_is(page: Page, address: str) -> None:
    page.goto(address + KINDS["lesson"])
    assert page.locator("[rel=edit], .md-source").count() == 0


def test_every_link_and_anchor_leads_somewhere() -> None:
    assert list(broken(built())) == []
