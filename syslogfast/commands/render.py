"""How `syslogfast listen` shows a record: as a line of columns, or as an object of JSON.

Nothing that has arrived reaches the terminal as it is: each field and each peer is escaped.
"""

from syslogfast._text import CONTROLS
from syslogfast.commands.parse import MalformedError, Parsed
from syslogfast.constants import FACILITIES, SEVERITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Renderer(Protocol):
        """Renders what arrives as a line."""

        def render(
            self,
            record: Parsed,
            peer: str,
            malformed: MalformedError | None,
            data: bytes | bytearray,
        ) -> str: ...

        def render_around(
            self,
            record: Parsed,
            peer: str,
            malformed: MalformedError | None,
            data: bytes | bytearray,
        ) -> tuple[str, str]: ...

        def render_piece(self, text: str) -> str: ...

        def render_broken(
            self, malformed: MalformedError, data: bytes | bytearray, peer: str
        ) -> str: ...


SHOWN_SIZE = 1 << 16  # bytes that are shown of a frame that is no record
EXCERPT_SIZE = 24  # bytes that are shown of the place where a record is malformed
MAX_WIDTH = 32  # of a column; a longer field stands out
STEADY = ("peer", "timestamp")  # columns that have it on any terminal: all lines have the same
WIDE_ENOUGH = 160  # columns of a terminal on which columns may have that width

FACILITY_NAMES = {code: name for name, code in reversed(FACILITIES.items())}
SEVERITY_NAMES = {code: name for name, code in reversed(SEVERITIES.items())}


def escape_character(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


# What an encoder escapes; the tab, which would shift a column; octets that are no UTF-8.
ESCAPES = {
    **{ord(char): escape_character(char) for char in CONTROLS},
    **{0xDC00 + octet: f"\\x{octet:02x}" for octet in range(0x80, 0x100)},
    ord("\t"): "\\t",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
}

RED = "\x1b[31m"
COLOURS = {
    **dict.fromkeys(range(4), RED),
    SEVERITIES["warning"]: "\x1b[33m",
    SEVERITIES["notice"]: "\x1b[36m",
    SEVERITIES["debug"]: "\x1b[2m",
}
PLAIN = "\x1b[0m"


def escape(text: str) -> str:
    """Return text that cannot drive a terminal.

    >>> escape("a\\x1b[2J\\n")
    'a\\\\x1b[2J\\\\n'
    """
    # A table, not re.sub, whose list of pieces would take 80 bytes for each character.
    return text if text.isascii() and text.isprintable() else text.translate(ESCAPES)


def show_octets(data: bytes | bytearray, size: int = SHOWN_SIZE) -> str:
    """Return octets as text: what is not UTF-8 as \\xff, and no more than `size` of them."""
    text = data[:size].decode(errors="backslashreplace")
    more = len(data) - size
    return f"{text}... and {more:,} more bytes" if more > 0 else text


def show_text(text: str) -> str:
    """Return a text with what is not UTF-8 as \\xff."""
    if text.isascii():
        return text
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def show_place(malformed: MalformedError, data: bytes | bytearray) -> str:
    """Return what is wrong with a record, where, and what stands there."""
    end = malformed.offset + EXCERPT_SIZE
    found = data[malformed.offset : end]
    shown = escape(found.decode(errors="backslashreplace")) + ("..." if end < len(data) else "")
    place = f", got '{shown}'" if found else ""
    return f"MALFORMED at byte {malformed.offset}: {malformed.what}{place}"


class TextRenderer:
    """Fields in columns, each as wide as the widest that has come; `width` is the terminal's."""

    def __init__(self, coloured: bool, width: int = WIDE_ENOUGH) -> None:
        self.coloured = coloured
        self.max_width = min(max(width * MAX_WIDTH // WIDE_ENOUGH, 8), MAX_WIDTH)
        self.widths = [0, 0, 0, 0, 0, 0]

    def render(
        self,
        record: Parsed,
        peer: str,
        malformed: MalformedError | None = None,
        data: bytes | bytearray = b"",
    ) -> str:
        before, after = self.render_around(record, peer, malformed, data)
        if record.message or after:
            return before + escape(record.message) + after
        return before.rstrip(" ")

    def render_around(
        self, record: Parsed, peer: str, malformed: MalformedError | None, data: bytes | bytearray
    ) -> tuple[str, str]:
        """Return what stands before the message of a record, and what is wrong with it."""
        procid = f"[{record.procid}]" if record.procid else ""
        severity = SEVERITY_NAMES[record.severity]
        columns = [
            peer,
            record.timestamp or "-",
            f"{FACILITY_NAMES.get(record.facility, record.facility)}.{severity}",
            record.hostname or "-",
            (record.app_name or "-") + procid,
            record.msgid or "-",
        ]
        padded = []
        for index, column in enumerate(columns):
            shown = escape(column)
            limit = MAX_WIDTH if index < len(STEADY) else self.max_width
            if self.widths[index] < len(shown) <= limit:
                self.widths[index] = len(shown)
            padded.append(shown.ljust(self.widths[index]))
        if self.coloured and record.severity in COLOURS:
            colour = COLOURS[record.severity]
            padded[2] = padded[2].replace(f".{severity}", f".{colour}{severity}{PLAIN}")
        if not padded[0]:
            del padded[0]
        padded += [render_element(sd_id, pairs) for sd_id, pairs in record.structured_data]
        before = "  ".join(padded) + "  "
        if not malformed:
            return before, ""
        mark = show_place(malformed, data)
        space = "  " if record.message else ""
        return before, space + (f"{RED}{mark}{PLAIN}" if self.coloured else mark)

    def render_piece(self, text: str) -> str:
        """Return a part of a message."""
        return escape(text)

    def render_broken(self, malformed: MalformedError, data: bytes | bytearray, peer: str) -> str:
        mark = f"MALFORMED at byte {malformed.offset}: {malformed.what}:"
        if self.coloured:
            mark = f"{RED}{mark}{PLAIN}"
        shown = escape(peer)
        start = f"{shown.ljust(self.widths[0])}  " if shown else ""
        return f"{start}{mark} {escape(show_octets(data))}"


def render_element(sd_id: str, parameters: list[tuple[str, str]]) -> str:
    pairs = [f' {escape(name)}="{quote(value)}"' for name, value in parameters]
    return f"[{escape(sd_id)}{''.join(pairs)}]"


def quote(value: str) -> str:
    """Return a PARAM-VALUE with the escapes that it came with (RFC 5424 6.3.3)."""
    return escape(value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]"))


class JsonRenderer:
    """One JSON object a line, all of it ASCII."""

    def __init__(self) -> None:
        import json

        self.dump = json.JSONEncoder().encode

    def render(
        self,
        record: Parsed,
        peer: str,
        malformed: MalformedError | None = None,
        data: bytes | bytearray = b"",
    ) -> str:
        return self.dump(self.list_fields(record, peer, malformed, data))

    def list_fields(
        self, record: Parsed, peer: str, malformed: MalformedError | None, data: bytes | bytearray
    ) -> dict[str, object]:
        facility = FACILITY_NAMES.get(record.facility, str(record.facility))
        named: dict[str, object] = {
            "protocol": record.protocol,
            "facility": facility,
            "severity": SEVERITY_NAMES[record.severity],
            "timestamp": record.timestamp,
            "hostname": record.hostname,
            "app_name": record.app_name,
            "procid": record.procid,
            "msgid": record.msgid,
            "structured_data": merge(record.structured_data),
            "message": record.message,
            "peer": peer,
        }
        shown = {key: show_text(v) if isinstance(v, str) else v for key, v in named.items()}
        if malformed:
            shown.update(show_malformed(malformed, data))
        return shown

    def render_around(
        self, record: Parsed, peer: str, malformed: MalformedError | None, data: bytes | bytearray
    ) -> tuple[str, str]:
        """Return what stands before the message of a record and after it."""
        fields = self.list_fields(record, peer, malformed, data)
        del fields["message"]
        return self.dump(fields)[:-1] + ', "message": "', '"}'

    def render_piece(self, text: str) -> str:
        """Return a part of a message."""
        return self.dump(show_text(text))[1:-1]

    def render_broken(self, malformed: MalformedError, data: bytes | bytearray, peer: str) -> str:
        return self.dump({**show_malformed(malformed, data), "peer": show_text(peer)})


def show_malformed(malformed: MalformedError, data: bytes | bytearray) -> dict[str, object]:
    return {
        "malformed": malformed.what,
        "offset": malformed.offset,
        "record": show_octets(data),
    }


def merge(
    elements: list[tuple[str, list[tuple[str, str]]]],
) -> dict[str, dict[str, str | list[str]]]:
    """Return values by name: RFC 5424 6.3.3 lets a PARAM-NAME come several times.

    An SD-ID that a malformed record has twice is one element of all its parameters.
    """
    lists: dict[str, dict[str, list[str]]] = {}
    for sd_id, parameters in elements:
        element = lists.setdefault(show_text(sd_id), {})
        for name, value in parameters:
            element.setdefault(show_text(name), []).append(show_text(value))
    return {
        sd_id: {name: found if len(found) > 1 else found[0] for name, found in element.items()}
        for sd_id, element in lists.items()
    }
