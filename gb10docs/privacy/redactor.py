"""Secrets and this machine's names, taken out of whatever is shown, reported, recorded or written to a log.

A known secret is looked for in several views of a text: *squeezed*, with line ends, blanks, control characters and
quotes taken out, so that it is found however it was wrapped; *shown*, with colours, titles and characters that
nobody sees taken out first, as reports do; *struck*, with what backspaces erase taken out; and each of these
*decoded*, with percent and backslash escapes resolved. Base64 is looked for at all three places that a secret can
have in a group of three bytes. Where lines have something before them, as in a log or a table, it is followed from
line to line. A hit is traced back to the bytes it came from, and those are replaced by `[HF_TOKEN]`, or by
`[secret]` where only the shape of a token gave it away.

Left alone, on purpose: values shorter than four bytes, parts of a secret, a secret spread over more than 8 KiB or
over two streams, and encodings nobody uses by accident (hexadecimal, base64 of base64).
"""

from __future__ import annotations

import base64
import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

from gb10docs.pages.printing import CONTROL, controls, unseen
from gb10docs.privacy.places import Places
from gb10docs.privacy.tokens import Span, token_spans, token_under_way

SHORTEST_SECRET = 4
"""Bytes; a shorter value is any word."""
SURE_SECRET = 8
"""Bytes from which on a value is masked wherever it stands, in any form; a shorter one only as a whole word."""

_REACH = 8192
_BLOCK = 2**16
_CONTEXT = 256
"""Bytes already given back that a stream remembers: they tell where a word or a secret begins."""
_FIRST_PART = 4
"""Bytes of a secret that stand on a line before it goes on in the next one."""

_SPREAD = bytes(range(33)) + b"\x7f'\""
_WRAPS = re.compile(rb"\\\r?\n|[\x00-\x20\x7f'\"]+")
_ESCAPES = re.compile(rb"%(?:25)*([0-9A-Fa-f]{2})|\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|[nrtbf]?)")
_ERASED = re.compile(rb"(?:[^\n\x08\x80-\xff]|[\xc0-\xff][\x80-\xbf]*)\x08")
_ERASINGS = 64
"""Most backspaces in a row that are followed."""


class Redactor:
    """Replaces secrets by their names, and this machine's names by plain words."""

    def __init__(self, secrets: Mapping[str, str], places: Mapping[str, str] | None = None) -> None:
        """Take the values to hide.

        Args:
            secrets: Name to value, as in `HF_TOKEN` to the token; values under four bytes are left alone, those
                under eight masked as whole words only.
            places: Text to what replaces it, as in `/home/ann` to `~`; see `Places`.
        """
        self._labels: dict[bytes, bytes] = {}
        self._words: dict[bytes, bytes] = {}
        for name, value in secrets.items():
            label, raw = f"[{name}]".encode(), os.fsencode(value.strip())
            if SHORTEST_SECRET <= len(raw) < SURE_SECRET:
                self._words.setdefault(raw, label)
            for needle in _needles(value.strip()):
                self._labels.setdefault(needle, label)
        self._places = Places(places or {})
        self.reach = max(_REACH, 8 * max(map(len, self._labels), default=0))
        """Most bytes that one secret is spread over."""

    def add_places(self, places: Mapping[str, str]) -> None:
        """More texts, and what replaces them."""
        self._places.add(places)

    def stream(self) -> Stream:
        """A filter for one stream of output."""
        return Stream(self)

    def text(self, text: str) -> str:
        """The whole of a text, redacted."""
        data = text.encode("utf-8", "surrogatepass")
        spans = self.spans(data)
        return _masked(data, 0, len(data), spans).decode("utf-8", "surrogatepass") if spans else text

    def part(self, data: bytes, begin: int, end: int) -> bytes:
        """Those bytes of the data, redacted with an eye to what stands before and after them, as UTF-8."""
        before, wanted, after = (_as_utf8(piece) for piece in (data[:begin], data[begin:end], data[end:]))
        spans = self.spans(before + wanted + after)
        return _masked(before + wanted, len(before), len(before) + len(wanted), spans)

    def settled(self, data: bytes) -> int:
        """Up to where the data does not end in what may be the beginning of a secret."""
        tail = _shown(_View(data[-512:])).squeezed()
        begun = max((_begun(tail.text, needle) for needle in self._labels), default=0)
        letters = len(tail.text) - begun
        at = tail.origin(letters, letters + 1)[0] if begun else len(data[-512:])
        return min(len(data) - len(data[-512:]) + at, token_under_way(data))

    def spans(self, data: bytes) -> list[Span]:
        """What is to be replaced, in order; no two overlap."""
        if len(data) < SHORTEST_SECRET:
            return []
        views = list(_views(data))
        found = [span for view in views for span in self._secret_spans(view)]
        for view in views[:2]:
            for span in (
                *token_spans(view.text),
                *self._places.spans(view.text),
                *self._word_spans(view.text),
            ):
                begin, end = view.origin(span.begin, span.end)
                found.append(span._replace(begin=begin, end=end))
        return _merged(found)

    def _secret_spans(self, view: _View) -> Iterator[Span]:
        if not self._labels:
            return
        squeezed = view.squeezed()
        begun = [needle for needle in self._labels if needle[:_FIRST_PART] in squeezed.text]
        yield from self._whole(squeezed, begun)
        for needle in begun:
            for begin, end in _over_lines(view.text, needle):
                yield Span(*view.origin(begin, end), self._labels[needle], 2)
        if b"%" in squeezed.text or b"\\" in squeezed.text:
            yield from self._whole(squeezed.rewritten(_ESCAPES), self._labels)

    def _whole(self, view: _View, needles: Iterable[bytes]) -> Iterator[Span]:
        for needle in needles:
            for begin in _occurrences(view.text, needle):
                yield Span(*view.origin(begin, begin + len(needle)), self._labels[needle], 2)

    def _word_spans(self, data: bytes) -> Iterator[Span]:
        for word, label in self._words.items():
            if word in data:
                for match in re.finditer(rb"(?<![A-Za-z0-9])%b(?![A-Za-z0-9])" % re.escape(word), data):
                    yield Span(match.start(), match.end(), label, 2)


class Stream:
    """One stream of output on its way through a Redactor, in blocks: what comes last is held until there is more."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""
        self._fresh = 0

    def feed(self, data: bytes) -> bytes:
        """Take output; give back what no later output can turn into something to replace."""
        self._held += data
        if len(self._held) < _BLOCK + 2 * self._redactor.reach:
            return b""
        end = len(self._held) - self._redactor.reach
        return self._release(
            self._held.rfind(b"\n", len(self._held) - 2 * self._redactor.reach, end) + 1 or end
        )

    def finish(self) -> bytes:
        """Give back what is still held: the stream has ended."""
        return self._release(len(self._held))

    def _release(self, end: int) -> bytes:
        spans = self._redactor.spans(self._held)
        for span in spans:
            if span.begin < end < span.end:
                end = span.end
        released = _masked(self._held, self._fresh, end, spans)
        seen = max(0, end - _CONTEXT)
        self._held, self._fresh = self._held[seen:], end - seen
        return released


class _View:
    """A text made from another by taking pieces out or rewriting them, and the way back to the first."""

    def __init__(self, text: bytes, made_from: _View | None = None, by: re.Pattern[bytes] = _WRAPS) -> None:
        self.text = text
        self._made_from, self._by = made_from, by
        self._trace: _Trace | None = None

    def rewritten(self, pattern: re.Pattern[bytes]) -> _View:
        """Each match of the pattern replaced by the letter that it stands for, or by nothing."""
        return _View(pattern.sub(_letter, self.text), self, pattern)

    def squeezed(self) -> _View:
        """Less all that a secret can be wrapped with."""
        text = self.text.replace(b"\\\r\n", b"").replace(b"\\\n", b"") if b"\\" in self.text else self.text
        return _View(text.translate(None, _SPREAD), self, _WRAPS)

    def origin(self, begin: int, end: int) -> tuple[int, int]:
        """Begin and end in the first text of a stretch of this one."""
        if not self._made_from:
            return begin, end
        self._trace = self._trace or _Trace(self._made_from.text, self._by)
        return self._made_from.origin(*self._trace.origin(begin, end))


class _Trace:
    """Leads from a text with some of it rewritten back to the bytes that it came from."""

    def __init__(self, original: bytes, rewritten: re.Pattern[bytes]) -> None:
        self._at, self._from, self._whole = [0], [0], [0]
        size = end = 0
        for match in rewritten.finditer(original):
            size += match.start() - end
            end = match.end()
            letters = _letter(match)
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


def _views(data: bytes) -> Iterator[_View]:
    """A text as it is, as reports show it, and as a terminal does; those that are not the same."""
    plain = _View(data)
    yield plain
    shown = _shown(plain)
    if shown is not plain:
        yield shown
    struck = plain
    for _ in range(_ERASINGS):
        if b"\x08" not in struck.text:
            break
        struck = struck.rewritten(_ERASED)
    if struck is not plain:
        yield _shown(struck)


def _shown(view: _View) -> _View:
    """The view as reports show it; the view itself where nothing of it is taken out for that."""
    if len(view.text.translate(None, CONTROL)) != len(view.text):
        view = view.rewritten(controls())
    if not view.text.isascii():
        shown = view.rewritten(unseen())
        view = shown if len(shown.text) != len(view.text) else view
    return view


def _as_utf8(data: bytes) -> bytes:
    """With what is no text replaced, as it is shown: that is something a secret could be spread over."""
    return data if data.isascii() else data.decode(errors="replace").encode()


def _needles(value: str) -> Iterator[bytes]:
    """What a secret looks like in the squeezed and in the decoded view."""
    for part in (value, *value.splitlines()):
        raw = os.fsencode(part)
        if len(raw) < SURE_SECRET or (part != value and len(raw) < 2 * SURE_SECRET):
            continue
        escaped = [json.dumps(part)[1:-1].encode(), quote(raw, safe="").encode(), quote_plus(raw).encode()]
        for form in (raw, *escaped, *_base64_cores(raw)):
            squeezed = _View(form).squeezed().text
            for needle in (squeezed, _ESCAPES.sub(_letter, squeezed), squeezed.replace(b"\\", b"")):
                if len(needle) >= SURE_SECRET // 2:
                    yield needle


def _base64_cores(raw: bytes) -> Iterator[bytes]:
    """The characters that a value fixes in the base64 of any text that holds it, in both alphabets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + raw)
        core = encoded[-(-8 * offset // 6) : 8 * (offset + len(raw)) // 6]
        yield core
        yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _letter(escape: re.Match[bytes]) -> bytes:
    """What an escape stands for; nothing if that is something a secret can be spread over, or a backslash."""
    if not escape.lastindex:
        return b""
    code = escape[escape.lastindex]
    letter = chr(int(code, 16)).encode("utf-8", "surrogatepass") if len(code) == 4 else bytes([int(code, 16)])
    return letter.translate(None, _SPREAD + b"\\")


def _occurrences(text: bytes, needle: bytes) -> Iterator[int]:
    at = text.find(needle)
    while at >= 0:
        yield at
        at = text.find(needle, at + 1)


def _over_lines(text: bytes, needle: bytes) -> Iterator[tuple[int, int]]:
    """The parts of a secret that goes on from line to line, each with something before or after it."""
    at = text.find(needle[:_FIRST_PART])
    while at >= 0:
        parts, rest = _followed(text, at, needle)
        if len(parts) > 1 and len(needle) - len(rest) >= SURE_SECRET:
            yield from parts
        at = text.find(needle[:_FIRST_PART], parts[0][1])


def _followed(text: bytes, begin: int, rest: bytes) -> tuple[list[tuple[int, int]], bytes]:
    """The parts that are there from line to line, and what is missing after them."""
    parts: list[tuple[int, int]] = []
    while begin >= 0:
        size = _alike(text, begin, rest)
        end, rest = begin + size, rest[size:]
        parts.append((begin, end))
        line_end = -1 if not rest or text[end : end + 1].isalnum() else text.find(b"\n", end, end + _REACH)
        begin = _continued(text, line_end + 1, rest) if line_end >= 0 else -1
    return parts, rest


def _alike(text: bytes, begin: int, needle: bytes) -> int:
    """How many bytes of the needle stand there."""
    size = min(_FIRST_PART, len(needle))
    while size < len(needle) and text[begin + size : begin + size + 1] == needle[size : size + 1]:
        size += 1
    return size


def _continued(text: bytes, begin: int, rest: bytes) -> int:
    """Return where on the line that begins there a secret goes on; -1 where it does not."""
    line_end = text.find(b"\n", begin, begin + _REACH)
    line = text[begin : line_end if line_end >= 0 else begin + _REACH]
    after = rb"(?![A-Za-z0-9])" if len(rest) <= _FIRST_PART else b""
    match = re.search(rb"(?<![A-Za-z0-9])%b%b" % (re.escape(rest[:_FIRST_PART]), after), line)
    return begin + match.start() if match else -1


def _begun(text: bytes, needle: bytes) -> int:
    """How many letters of the needle's beginning, three at least, the text ends in."""
    sizes = range(min(len(needle) - 1, len(text)), 2, -1)
    return next((size for size in sizes if text.endswith(needle[:size])), 0)


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
