"""Long text made short: its head, its tail, and between them how much is left out."""

from __future__ import annotations


def in_bytes(text: str, most: int) -> str:
    """At most so many bytes of UTF-8; a character that would be cut in two is left out."""
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    half = most // 2 - 32  # room for the line between
    head, tail = (part.decode("utf-8", "ignore") for part in (data[:half], data[-half:]))
    return joined(head, tail, len(data) - 2 * half)


def joined(head: str, tail: str, missing: int, where: str = "") -> str:
    """Head and tail of a text that lacks so many bytes; `where` says where the whole is."""
    kept = f"; {where}" if where else ""
    return f"{head}\n[… {missing} bytes left out{kept}]\n{tail}"


def in_lines(output: str, most: int) -> list[str]:
    """At most so many lines, as a terminal would show them: of what a carriage return draws over, the last."""
    lines = output.replace("\r\n", "\n").strip("\n").split("\n")
    if len(lines) > most:
        head = most // 2
        tail = most - head - 1
        lines = [*lines[:head], f"… {len(lines) - head - tail} lines left out", *lines[-tail:]]
    return [line.rstrip("\r").rpartition("\r")[2] for line in lines]


def cut(text: str, most: int) -> str:
    """At most so many characters, and an ellipsis where there are more."""
    return f"{text[:most]}…" if len(text) > most else text
