from __future__ import annotations

from xml.etree import ElementTree

import pytest

from gb10docs.site import figures


def test_a_place_names_its_script_and_holds_its_data() -> None:
    made = figures.Figure("block-explorer", "Drag <this> & see.", {"weights": '1 "2" <3>', "largest": 4})
    place = ElementTree.fromstring(made._repr_html_())
    assert place.attrib == {
        "data-figure": "block-explorer", "data-weights": '1 "2" <3>', "data-largest": "4"
    }  # fmt: skip
    (note,) = place.findall("p")
    assert note.text == "Drag <this> & see. This needs JavaScript; what it shows at first is printed above."


def test_outside_of_a_notebook_it_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    figures.show("block-explorer", "Drag and see.", weights=1)
    assert capsys.readouterr().out == "Drag and see. (Interactive, on the page itself.)\n"
