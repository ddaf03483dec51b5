"""Interactive figures: a place on a notebook's page, which `docs/assets/figures/NAME.js` fills.

The page's `main.html` brings NAME.js and NAME.css only where the place is. What the figure shows at first, a cell
prints as well: that is what a reader without scripts, and the page's twin, get.
"""

from __future__ import annotations

from html import escape


def show(name: str, about: str, **data: object) -> None:
    """Put a figure's place under a cell.

    Args:
        name: of the script below `docs/assets/figures/`.
        about: what one can do with it, in a sentence.
        data: what the script finds in the place's `dataset`, as text.
    """
    from IPython.display import display

    display(Figure(name, about, data))  # type: ignore[no-untyped-call]


class Figure:
    """What IPython takes: an element for the page, a sentence for the page's twin."""

    def __init__(self, name: str, about: str, data: dict[str, object]) -> None:
        self._name, self._about, self._data = name, about, data

    def __repr__(self) -> str:
        return f"{self._about} (Interactive, on the page itself.)"

    def _repr_html_(self) -> str:
        data = "".join(f' data-{key}="{escape(str(value))}"' for key, value in self._data.items())
        note = f"{escape(self._about)} This needs JavaScript; what it shows at first is printed above."
        return f'<div data-figure="{self._name}"{data}><p>{note}</p></div>'
