"""MSG and PARAM-VALUE, for the twin; `text.pxd` is the same in C."""

import sys

from syslogfast._validation import is_a, read_str
from syslogfast.constants import WIDEST

REPLACEMENT = "\ufffd"


def list_octets(char: "str") -> "str":
    """Return a character as the octets of its UTF-8, "#ooo" each, as rsyslog writes them."""
    return "".join([f"#{octet:03o}" for octet in char.encode()])


class Escapes:
    """What to escape in a text, and how; and what is left out at its end."""

    __slots__ = ("by_character", "line_ends", "needs_escape")

    def __init__(self, by_character: "dict[str, str]", line_ends: "tuple[str, ...]" = ()) -> "None":
        self.by_character = by_character
        self.line_ends = line_ends
        # A table for bytes.translate that changes the first octet of each of those characters.
        first = [char.encode()[0] for char in by_character]
        self.needs_escape = bytes([octet ^ 1 if octet in first else octet for octet in range(256)])


# C0 but tab, DEL, C1; the two separators that some readers take for a line's end, then those that
# embed, override and isolate a direction, with which a text can show itself as another one.
CONTROLS = [chr(code) for code in range(0xA0) if (code < 32 or code >= 127) and code != 9] + [
    chr(code) for code in list(range(0x2028, 0x202F)) + list(range(0x2066, 0x206A))
]
CONTROL_ESCAPES = {char: list_octets(char) for char in CONTROLS}
# RFC 5424 6.3.3: inside PARAM-VALUE these three MUST be escaped, with a backslash.
PARAM_ESCAPES = {'"': '\\"', "\\": "\\\\", "]": "\\]"}

# By what `controls` or, if it is "keep", the framing says: a delimiter is always escaped, so that
# no text can end a record. The first of each pair is for MSG, the second for PARAM-VALUE.
ESCAPES = {
    rule: (Escapes(escapes, line_ends), Escapes(dict(escapes, **PARAM_ESCAPES)))
    for rule, escapes, line_ends in (
        ("escape", CONTROL_ESCAPES, ("\r", "\n")),
        ("lf", {"\n": list_octets("\n")}, ()),
        ("nul", {"\0": list_octets("\0")}, ()),
        ("octet", {}, ()),
        (None, {}, ()),
    )
}


def replace_ill_formed(data: "bytes") -> "str":
    """Decode UTF-8, each ill-formed part as one U+FFFD (Unicode 3.9, maximal subparts)."""
    pieces = []
    start = 0
    while start < len(data):
        lead = data[start]
        end = start + 1
        missing = 0 if lead < 0x80 else 1 if lead < 0xE0 else 2 if lead < 0xF0 else 3
        # Unicode table 3-7: which second octet a lead octet allows.
        lowest = {0xE0: 0xA0, 0xF0: 0x90}.get(lead, 0x80)
        highest = {0xED: 0x9F, 0xF4: 0x8F}.get(lead, 0xBF)
        if 0x80 <= lead < 0xC2 or lead > 0xF4:
            missing = -1
        while missing > 0 and end < len(data) and lowest <= data[end] <= highest:
            lowest, highest = 0x80, 0xBF
            missing -= 1
            end += 1
        pieces.append(REPLACEMENT if missing else str(data[start:end], "utf-8"))
        start = end
    return "".join(pieces)


# MicroPython decodes surrogates and overlong forms without a word: there, each octet is looked at.
IS_STRICT = sys.implementation.name != "micropython"


def read_text(value: "object") -> "str | None":
    """Return text as a str, None if it is neither a str nor a buffer."""
    if is_a(value, str):
        return read_str(value)
    try:
        data = bytes(memoryview(value))  # type: ignore[arg-type]
    except TypeError:
        return None
    try:
        if IS_STRICT:
            return data.decode()  # str(data, "utf-8") lets surrogates through on PyPy
    except UnicodeError:
        pass
    return replace_ill_formed(data)


def escape_text(text: "str", escapes: "Escapes") -> "bytes":
    """Return text as UTF-8, escaped."""
    try:
        data = text.encode()
        if data.translate(escapes.needs_escape) == data:
            return data
    except (UnicodeError, AttributeError):
        pass  # a lone surrogate; MicroPython has no translate
    return truncate_text(text, escapes, WIDEST * len(text))[0]


def truncate_text(text: "str", escapes: "Escapes", limit: "int") -> "tuple[bytes, bool]":
    """Return text as UTF-8, escaped, up to the character that goes beyond `limit` octets.

    And whether there is one: then the text is truncated.
    """
    replacements = escapes.by_character
    pieces: list[bytes] = []
    for char in text:
        is_surrogate = "\ud800" <= char <= "\udfff"
        piece = (REPLACEMENT if is_surrogate else replacements.get(char, char)).encode()
        limit -= len(piece)
        if limit < 0:
            return b"".join(pieces), True
        pieces.append(piece)
    return b"".join(pieces), False
