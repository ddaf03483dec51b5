"""TeX in Markdown as MathML, which browsers draw by themselves: no script, no font, no request.

MathML Core: https://www.w3.org/TR/mathml-core/
"""

from __future__ import annotations

import re

from gb10docs.errors import GB10DocsError

_PARTS = re.compile(
    r"(?P<code>^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)|(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|(?<![\\$\w])\$(?P<inline>[^\s$](?:[^$\n]*[^\s$\\])?)\$(?![\w$])",
    re.MULTILINE | re.DOTALL,
)
_MARKDOWN = {character: f"&#{ord(character)};" for character in "*_`[]|$~\\"}
"""What a Markdown reader would take for markup, in the text of a formula."""


class BadFormula(GB10DocsError):
    """TeX that cannot be drawn; the message holds the formula."""


def with_mathml(markdown: str) -> str:
    """Markdown with each `$…$` and `$$…$$` outside of code as MathML; a lone dollar sign stays.

    Raises:
        BadFormula: A formula is wrong, or uses a command that is not known.
    """
    return _PARTS.sub(_replaced, markdown)


def _replaced(found: re.Match[str]) -> str:
    if found["code"]:
        return found[0]
    display = found["display"] is not None
    return mathml((found["display"] if display else found["inline"]).strip(), display=display)


def mathml(tex: str, *, display: bool = False) -> str:
    """One formula on one line, safe within Markdown."""
    from math_core import LatexError, LatexToMathML

    try:
        drawn = LatexToMathML(fancy_error=False).convert_with_local_state(tex, displaystyle=display)
    except LatexError as error:
        raise BadFormula(f"'{tex}' is no formula that we can draw: {error}") from error
    return "".join(_MARKDOWN.get(character, character) for character in " ".join(drawn.split()))
