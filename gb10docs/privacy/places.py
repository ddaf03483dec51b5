"""The names of a machine and its user in a text: home folder, user, host, addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from importlib import resources

from gb10docs.privacy.tokens import Span

_SHORTEST_NAME = 4

_COMMON_NAMES = frozenset(
    resources.files(__package__).joinpath("common_names.txt").read_text(encoding="utf-8").split()
)
"""Names that identify nobody and stand in ordinary text, which masking them would corrupt."""

_WORDS = """
about account after again also answer april area assistant august autumn base batch been before best bill both branch
bytes cache call case chat check chip choice choices client cloud code commit common content context core cores count
created data date demo desk device digest disk docs done down drew driver each edge engine error even evidence example
expected exit fail failed faith field file files first five flag float folder format four free frank from gene good
grace grant group hardware harm have head held help here high hope hunt input integer item jack just kernel keep kind
label lance last lesson level library like line lines link list load lock long made mark mask master math mean memory
message metal mini more most much must name names need next note null number object office once only open order other
output over page pages part pass passed path peak penny phase pierce port power print private prompt quantized query
rank rate read ready real reason record repeat request response result results rich robin role room rose rows ruby
run runs same script secret send server service session setting share shape shell shot show side simple size skip some
spec speed start state status step steps stop storage store string summer support table take target task temperature
tensor text that them then there they this time title token tokens tool type under unit update usage used using value
version view wait want warm warren wave weight weights well were what when where which will window with word words
worth would write year your zero
"""
_ORDINARY_WORDS = frozenset(_WORDS.split())
"""Names that are also words of ordinary output: masked only where a name of a user or host stands."""

_LISTED = rb"(?m:^)[bcdlps-][rwxsStT-]{9}[+.@]?[ ]+\d+[ ]+"
_WHERE_NAMES_STAND = (
    rb"(?:@|~|//|/(?:home|Users|media|mail)/|\d\(|(?m:^)Linux[ ]|\d\d:\d\d:\d\d(?:\.\d+)?[ ])(%b)(?![\w-])",
    rb"(?i:user|username|logname|login|owner|host|hostname|nodename)\\?[\"']?[ ]?[:=][ ]?\\?[\"']?(%b)(?![\w-])",
    _LISTED + rb"(%b)(?![\w-])",
    _LISTED + rb"[\w-]+[ ]+(%b)(?![\w-])",
    rb"(?<![\w-])(%b)(?:@|\.(?:local|lan|home|internal|localdomain)\b|:x?:\d|:[~/])",
    rb"(?m:^)[ \t]*(%b)[ \t]*\r?(?m:$)",
)
"""A name in an address or a path, after what says that it is one, in what `ls -l` prints, or alone on its line."""


class Places:
    """What to look for, and the word that stands for each."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """Take texts and what replaces them, as in `/home/ann` and `~`.

        One with a slash is replaced where a path begins with it; any other (a user, a host, an address) only as a
        whole word and not where it is the key of a JSON table; one that is a word of ordinary text only where names
        stand (`will@`, `/home/will`, `user: will`); and none that is shorter than four characters or too common
        (`root`, `ubuntu`) to tell anything.
        """
        self._places: dict[bytes, bytes] = {}
        self._patterns: dict[bytes, list[re.Pattern[bytes]]] = {}
        self.add(places)

    def add(self, places: Mapping[str, str]) -> None:
        """More of them."""
        telling = {os.fsencode(text): word.encode() for text, word in places.items() if _is_telling(text)}
        self._places = dict(sorted({**self._places, **telling}.items(), key=lambda place: -len(place[0])))

    def spans(self, data: bytes) -> Iterator[Span]:
        """Yield where they stand, longest first."""
        for place, word in self._places.items():
            if place in data:
                if place not in self._patterns:
                    self._patterns[place] = [re.compile(pattern) for pattern in _patterns(place)]
                for pattern in self._patterns[place]:
                    for match in pattern.finditer(data):
                        yield Span(match.start(1), match.end(1), word, 0)


def _is_telling(place: str) -> bool:
    if "/" in place:
        return len(place.strip("/")) >= _SHORTEST_NAME - 1
    return len(place) >= _SHORTEST_NAME and place.lower() not in _COMMON_NAMES


def _patterns(place: bytes) -> list[bytes]:
    """A path begins where a path can, a word is whole; the first group is the place."""
    name = re.escape(place)
    if b"/" in place:
        after = b"" if place.endswith(b"/") else rb"(?![\w-]|\.\w)"
        return [rb"(?:(?<![\w.~-])|(?<=[\s=]-[A-Za-z]))(" + name + b")" + after]
    if place.lower().decode(errors="replace") in _ORDINARY_WORDS:
        return [pattern % name for pattern in _WHERE_NAMES_STAND]
    return [rb"(?<![\w-])(" + name + rb")(?![\w-]|\\*[\"'][ ]*:)"]
