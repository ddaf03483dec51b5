// What the theme draws, made reachable by keyboard and told apart by name: tables and copy buttons.
document$.subscribe(() => {
  const all = (selector) => [...document.querySelectorAll(`.md-content ${selector}`)];

  const names = new Map();
  const distinct = (name) => {
    names.set(name, (names.get(name) ?? 0) + 1);
    return names.get(name) > 1 ? `${name} (${names.get(name)})` : name;
  };

  const scrollByKeyboard = () => {
    for (const region of all(".md-typeset__scrollwrap")) {
      const wide = region.scrollWidth > region.clientWidth;
      region.tabIndex = wide ? 0 : -1;
      region.role = wide ? "region" : null;
    }
  };

  for (const head of all("th")) {
    if (!head.textContent.trim()) head.replaceWith(document.createElement("td"));
  }
  for (const region of all(".md-typeset__scrollwrap")) {
    region.ariaLabel = distinct(`Table: ${[...region.querySelectorAll("th")].map((head) => head.textContent).join(", ")}`);
  }
  for (const nav of all(".md-code__nav")) {
    nav.ariaLabel = distinct(nav.closest(".highlight")?.querySelector(".filename")?.textContent.trim() || "Code");
  }
  scrollByKeyboard();
  addEventListener("resize", scrollByKeyboard);
});
