from __future__ import annotations

import pytest

from gb10docs.site.mathml import BadFormula, mathml, with_mathml


def test_a_formula_is_drawn_without_a_script() -> None:
    drawn = mathml(r"\frac{a}{b}")
    assert drawn == "<math><mfrac><mi>a</mi><mi>b</mi></mfrac></math>"
    assert 'display="block"' in mathml(r"\frac{a}{b}", display=True)


@pytest.mark.parametrize("tex", [r"|x_i|", r"a*b*c", r"x_{a_b}", r"\text{`[a]*`}", r"a \backslash b"])
def test_nothing_in_a_formula_is_markup_to_a_markdown_reader(tex: str) -> None:
    assert not set(mathml(tex)) & set("*_`[]|$~\\")


@pytest.mark.parametrize(
    "text",
    [
        "it costs $5 and $6",
        "`$x$` in code",
        "``a ` $x$``",
        "```text\n$x$\n```",
        "~~~\n$$x$$\n~~~",
        r"an escaped \$x$",
        "`$HOME/$USER`",
        "$ x $ with blanks",
    ],
)
def test_what_is_no_formula_stays(text: str) -> None:
    assert with_mathml(text) == text


def test_formulas_in_a_line_and_of_their_own() -> None:
    drawn = with_mathml("with $a$ and $b$:\n\n$$\nc\n$$\n\n`$d$`")
    assert drawn == (
        "with <math><mi>a</mi></math> and <math><mi>b</mi></math>:\n\n"
        '<math display="block"><mi>c</mi></math>\n\n`$d$`'
    )


def test_a_wrong_formula_is_named() -> None:
    with pytest.raises(BadFormula, match=r"'\\bogus' is no formula that we can draw: .*bogus"):
        with_mathml(r"$\bogus$")
