"""Secrets and this machine's names, taken out of whatever is printed, reported or recorded.

Output passes through a Redactor as it arrives, before anything else sees it. A secret is looked for in
three views of the output: as it is; *squeezed*, with line ends, blanks, control characters and quotes taken
out, so that it is found however it was wrapped; and *decoded*, with percent and backslash escapes resolved
as well. Base64 is looked for at all three places that a secret can have in a group of three bytes. A hit is
traced back to the bytes it came from, and those are replaced by `[HF_TOKEN]`, or by `[secret]` where only
the shape of a token gave it away.

Left alone, on purpose: values shorter than eight bytes, parts of a secret, a secret spread over more than 2
KiB or over two streams, and encodings nobody uses by accident (hexadecimal, base64 of base64).
"""

from __future__ import annotations

import base64
import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from gb10docs.private import SHORTEST_SECRET, secrets_in
from gb10docs.tokens import Span, any_in, beginnings, token_spans, token_under_way

_SHORTEST_NAME = 4
_REACH = 2048
_CONTEXT = 4
"""Bytes already given back that a stream remembers: they tell where a word or a secret begins."""

_COMMON = """
admin arm64 build builder compose cuda debian default desktop develop developer dgx-spark docker ec2-user
github gitlab guest home host jenkins jetson jovyan laptop linux local localhost machine main model nobody
node nvidia ollama python root runner sglang spark student system test tester trtllm ubuntu user users vllm
work worker workspace workstation
"""
_COMMON_NAMES = frozenset(_COMMON.split())
"""Names that identify nobody and stand in ordinary text, which masking them would corrupt."""

_SPREAD = bytes(range(33)) + b"'\""
_WRAPS = re.compile(rb"\\\r?\n|[\x00-\x20'\"]+")
_ESCAPES = re.compile(rb"%(?:25)*([0-9A-Fa-f]{2})|\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|[nrtbf]?)")
_UNFINISHED_ESCAPE = re.compile(rb"(?:%(?:25)*[0-9A-Fa-f]?|\\(?:x[0-9A-Fa-f]?|u[0-9A-Fa-f]{0,3})?)\Z")


class Redactor:
    """Replaces secrets by their names, and this machine's names by plain words."""

    def __init__(self, secrets: Mapping[str, str], places: Mapping[str, str] | None = None) -> None:
        """Take the values to hide.

        Args:
            secrets: Name to value, as in `HF_TOKEN` to the token; values under eight bytes are left alone.
            places: Text to what replaces it, as in `/home/ann` to `~`. One with a slash is replaced where a
                path begins with it; any other (a user, a host, an address) only as a whole word, and not at
                all if it is shorter than four characters or too common (`root`, `ubuntu`) to tell anything.
        """
        self._labels: dict[bytes, bytes] = {}
        for name, value in secrets.items():
            for needle in _needles(value):
                self._labels.setdefault(needle, f"[{name}]".encode())
        self._under_way = _Openings(self._labels)
        telling = {text: word for text, word in (places or {}).items() if _is_telling(text)}
        self._places = {os.fsencode(text): word.encode() for text, word in telling.items()}
        self._place = _place_pattern(self._places)
        self._place_under_way = _Openings(end for place in self._places for end in _place_endings(place))
        self._reach = max(_REACH, 8 * self._under_way.longest)

    @classmethod
    def from_environment(cls, env: Mapping[str, str], places: Mapping[str, str] | None = None) -> Redactor:
        """A redactor of the secrets that an environment holds, by the names of its variables."""
        return cls(secrets_in(env), places)

    def stream(self) -> Stream:
        """A filter for one stream of output."""
        return Stream(self)

    def text(self, text: str) -> str:
        """The whole of a text, redacted."""
        data = text.encode("utf-8", "surrogatepass")
        spans = self.spans(data)
        return _masked(data, 0, len(data), spans).decode("utf-8", "surrogatepass") if spans else text

    def part(self, data: bytes, begin: int, end: int) -> bytes:
        """Those bytes of the data, redacted with an eye to what stands before and after them."""
        return _masked(data, begin, end, self.spans(data))

    @property
    def reach(self) -> int:
        """Most bytes that one secret is spread over."""
        return self._reach

    def spans(self, data: bytes) -> list[Span]:
        """What is to be replaced, in order; no two overlap."""
        if len(data) < SHORTEST_SECRET:
            return list(self._place_spans(data))
        return _merged([*self._secret_spans(data), *token_spans(data), *self._place_spans(data)])

    def settled(self, data: bytes) -> int:
        """Up to where the data holds nothing that further bytes could turn into something to replace."""
        start = max(0, len(data) - self._reach)
        tail = data[start:]
        at = min(self._secret_under_way(tail), token_under_way(tail), self._place_under_way.find(tail))
        return start + at

    @property
    def longest_hold(self) -> int:
        """Most bytes that a stream ever holds back."""
        return 2 * self._reach

    def _secret_spans(self, data: bytes) -> Iterator[Span]:
        if not self._labels:
            return
        squeezed = _squeeze(data)
        found = [needle for needle in self._labels if needle in squeezed]
        if found:
            wraps = _Trace(data, _WRAPS)
            for begin, end, needle in _occurrences(squeezed, found):
                yield Span(*wraps.origin(begin, end), self._labels[needle], 2)
        if b"%" not in squeezed and b"\\" not in squeezed:
            return
        decoded = _ESCAPES.sub(_letter, squeezed)
        found = [needle for needle in self._labels if needle in decoded]
        if found:
            wraps, escapes = _Trace(data, _WRAPS), _Trace(squeezed, _ESCAPES)
            for begin, end, needle in _occurrences(decoded, found):
                yield Span(*wraps.origin(*escapes.origin(begin, end)), self._labels[needle], 2)

    def _secret_under_way(self, data: bytes) -> int:
        if not self._labels:
            return len(data)
        joined = data.removesuffix(b"\r").removesuffix(b"\\")
        if not joined.endswith(b"\\") and data.startswith(b"\\", len(joined)):
            return min(self._secret_under_way(joined), len(joined))
        squeezed = _squeeze(data)
        first = self._under_way.find(squeezed)
        if b"%" in squeezed or b"\\" in squeezed:
            unfinished = _UNFINISHED_ESCAPE.search(squeezed)
            stem = squeezed[: unfinished.start()] if unfinished else squeezed
            first = min(first, len(stem))
            decoded = _ESCAPES.sub(_letter, stem)
            at = self._under_way.find(decoded)
            if at < len(decoded):
                first = min(first, _Trace(stem, _ESCAPES).origin(at, at + 1)[0])
        return _unsqueezed(data, len(squeezed) - first)

    def _place_spans(self, data: bytes) -> Iterator[Span]:
        if self._place is None or not any_in(self._places, data):
            return
        for match in self._place.finditer(data):
            yield Span(match.start(), match.end(), self._places[match[0]], 0)


class Stream:
    """One stream of output on its way through a Redactor, in chunks of any size."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._fresh = 0

    def feed(self, data: bytes) -> bytes:
        """Take output; give back what is settled, holding only what could still become a secret."""
        data = self._held + data
        settled = self._redactor.settled(data)
        if len(data) - settled <= _CONTEXT and data.endswith(b"\n"):
            return self._release(data, len(data))
        return self._release(data, settled)

    def finish(self) -> bytes:
        """Give back what is still held: the stream has ended."""
        if self._fresh == len(self._held):
            return b""
        return self._release(self._held, len(self._held))

    def _release(self, data: bytes, end: int) -> bytes:
        spans = self._redactor.spans(data)
        for span in spans:
            if span.begin < end < span.end and len(data) - span.begin <= self._redactor.longest_hold:
                end = span.begin
        end = max(end, self._fresh)
        released = _masked(data, self._fresh, end, spans)
        seen = max(0, end - _CONTEXT)
        self._held, self._fresh = data[seen:], end - seen
        return released


class _Openings:
    """Finds where, at the end of a text, one of several words has begun."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = tuple(dict.fromkeys(words))
        self.longest = max(map(len, self._words), default=0)
        heads = dict.fromkeys(beginnings(word[:4], b"") for word in self._words)
        self._heads = re.compile(b"|".join(heads)) if heads else None

    def find(self, text: bytes) -> int:
        """Where the first begins; the text's length where none does."""
        at = len(text) - self.longest
        while self._heads and (match := self._heads.search(text, max(0, at))):
            at = match.start()
            rest = text[at:]
            if any(word.startswith(rest) and word != rest for word in self._words):
                return at
            at += 1
        return len(text)


class _Trace:
    """Leads from a text with some of it rewritten back to the bytes that it came from."""

    def __init__(self, original: bytes, rewritten: re.Pattern[bytes]) -> None:
        self._at, self._from, self._whole = [0], [0], [0]
        size = end = 0
        for match in rewritten.finditer(original):
            size += match.start() - end
            end = match.end()
            letters = b"" if rewritten is _WRAPS else _letter(match)
            if letters:
                self._add(size, match.start(), end)
                size += len(letters)
            self._add(size, end, 0)

    def _add(self, at: int, origin: int, whole: int) -> None:
        self._at.append(at)
        self._from.append(origin)
        self._whole.append(whole)

    def origin(self, begin: int, end: int) -> tuple[int, int]:
        """Begin and end in the original of a stretch of the rewritten text."""
        first = bisect_right(self._at, begin) - 1
        last = bisect_right(self._at, end - 1) - 1
        start = self._from[first] + (0 if self._whole[first] else begin - self._at[first])
        return start, self._whole[last] or self._from[last] + end - self._at[last]


def _needles(value: str) -> Iterator[bytes]:
    """What a secret looks like in the squeezed and in the decoded view."""
    for part in (value, *value.splitlines()):
        raw = os.fsencode(part)
        if len(raw) < SHORTEST_SECRET or (part != value and len(raw) < 2 * SHORTEST_SECRET):
            continue
        escaped = [json.dumps(part)[1:-1].encode(), quote(raw, safe="").encode(), quote_plus(raw).encode()]
        for form in (raw, *escaped, *_base64_cores(raw)):
            squeezed = _squeeze(form)
            for needle in (squeezed, _ESCAPES.sub(_letter, squeezed), squeezed.replace(b"\\", b"")):
                if len(needle) >= SHORTEST_SECRET // 2:
                    yield needle


def _base64_cores(raw: bytes) -> Iterator[bytes]:
    """The characters that a value fixes in the base64 of any text that holds it, in both alphabets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        core = encoded[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _squeeze(data: bytes) -> bytes:
    if b"\\" in data:
        data = data.replace(b"\\\r\n", b"").replace(b"\\\n", b"")
    return data.translate(None, _SPREAD)


def _unsqueezed(data: bytes, letters: int) -> int:
    """Where in the data its last so many squeezed letters begin."""
    size = 64 + 4 * letters if letters else 0
    while size < len(data) and len(_squeeze(data[-size:])) < letters:
        size *= 2
    tail = data[-size:] if size else b""
    begin = len(_squeeze(tail)) - letters
    return len(data) - len(tail) + (_Trace(tail, _WRAPS).origin(begin, begin + 1)[0] if letters else 0)


def _letter(escape: re.Match[bytes]) -> bytes:
    """What an escape stands for; nothing if that is something a secret can be spread over, or a backslash."""
    code = escape[1] or escape[2] or escape[3]
    if not code:
        return b""
    letter = chr(int(code, 16)).encode("utf-8", "surrogatepass") if escape[3] else bytes([int(code, 16)])
    return letter.translate(None, _SPREAD + b"\\")


def _occurrences(text: bytes, needles: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    for needle in needles:
        at = text.find(needle)
        while at >= 0:
            yield at, at + len(needle), needle
            at = text.find(needle, at + 1)


def _is_telling(place: str) -> bool:
    if "/" in place:
        return len(place.strip("/")) >= _SHORTEST_NAME - 1
    return len(place) >= _SHORTEST_NAME and place.lower() not in _COMMON_NAMES


def _place_pattern(places: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """Longest first; a path begins where a path can, a word is whole."""
    alternatives = []
    for place in sorted(places, key=len, reverse=True):
        if b"/" not in place:
            alternatives.append(rb"(?<![\w-])" + re.escape(place) + rb"(?![\w-])")
        else:
            after = b"" if place.endswith(b"/") else rb"(?![\w-]|\.\w)"
            alternatives.append(rb"(?:(?<![\w.~-])|(?<=[\s=]-[A-Za-z]))" + re.escape(place) + after)
    return re.compile(b"|".join(alternatives)) if alternatives else None


def _place_endings(place: bytes) -> tuple[bytes, ...]:
    """A place with what must be seen after it before it is known to have ended, and one byte more."""
    if place.endswith(b"/"):
        return (place,)
    return (place + b"\0", place + b".\0") if b"/" in place else (place + b"\0",)


def _merged(spans: list[Span]) -> list[Span]:
    """In order, those that overlap joined."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.begin, -span.end)):
        if merged and span.begin < merged[-1].end:
            last = merged[-1]
            _, _, label, weight = max(last, span, key=lambda span: span.weight)
            merged[-1] = Span(last.begin, max(last.end, span.end), label, weight)
        else:
            merged.append(span)
    return merged


def _masked(data: bytes, begin: int, end: int, spans: list[Span]) -> bytes:
    parts = []
    for span in spans:
        if begin < span.end and span.begin < end:
            parts += [data[begin : max(begin, span.begin)], span.label]
            begin = min(end, span.end)
    return b"".join([*parts, data[begin:end]])
