"""How much text the records of an encoder have space for, and where a longer one is divided."""

from bisect import bisect_right

from syslogfast._options import name_element
from syslogfast._structured_data import clean_elements, join_elements, render_elements
from syslogfast._text import ESCAPES
from syslogfast._validation import check_enterprise_id
from syslogfast.constants import BOM, FIELDS, MAX_MSGID, WIDEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeAlias

    # Returns a record with this text and these elements, as this encoder writes it.
    Encode: TypeAlias = Callable[[Any, str, bytes], bytes]

WIDE = 1 << 30  # octets: more than the elements of any record take
RESERVE = 400  # octets: more than a number, a trace, and a process that is another take
LONGEST_INT = 20  # digits and sign, below 2 ** 63


def split_lines(text: str) -> list[str]:
    """Return the lines that are not empty, as universal newlines has them; "" if there are none."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line for line in lines if line] or [""]


def count_octets(text: str) -> int:
    """Return how many octets a text has as UTF-8; a lone surrogate is as long as U+FFFD."""
    return len(text.encode("utf-8", "surrogatepass"))


def estimate_text(text: "str | bytes") -> int:
    """Return octets that a text, escaped, does not go beyond: no look at each character of it."""
    if type(text) is bytes or text.isascii():
        is_plain = type(text) is str and text.isprintable()
        return len(text) if is_plain else 4 * len(text)  # "#ooo"
    return WIDEST * len(text)


def estimate_parameters(parameters: "dict[Any, Any]") -> int:
    """Return octets that parameters do not go beyond; WIDE where that takes a look at a value."""
    size = 0
    for value in list(parameters.values()):
        size += 40  # the name, which may have 32, and all between
        kind = type(value)
        if kind is str:
            size += 2 * estimate_text(value)  # a quote has a backslash before it
        elif kind is int and -(2**63) < value < 2**63:
            size += LONGEST_INT
        elif kind is float:
            size += 32
        elif value is not None and kind is not bool:
            return WIDE
    return size


def estimate_elements(structured_data: object) -> int:
    """Return the same of a record's structured data, whatever they are."""
    if structured_data is None:
        return 0
    if type(structured_data) is bytes:
        return len(structured_data)
    if type(structured_data) is not dict:
        return WIDE
    size = 0
    for parameters in list(structured_data.values()):
        if type(parameters) is not dict:
            return WIDE
        size += 40 + estimate_parameters(parameters)
    return size


class Limits:
    """What the records of one encoder may hold.

    space: octets that a text, and what a record brings itself, may take, beside the longest header.
    """

    __slots__ = (
        "_bom",
        "_escapes",
        "_framing",
        "_param_escapes",
        "_part_id",
        "_separator_size",
        "_table",
        "_wide",
        "encoder",
        "enterprise_id",
        "fields_id",
        "options",
        "space",
    )

    def __init__(self, encoder: "Any") -> None:
        self.encoder = encoder
        options = self.options = encoder._list_options()
        self._framing = options["framing"]
        rule = "escape" if options["controls"] == "escape" else self._framing
        self._escapes, self._param_escapes = ESCAPES[rule]
        self._table = str.maketrans(self._escapes.by_character)
        self.enterprise_id = check_enterprise_id(options["enterprise_id"])
        self.fields_id = name_element(FIELDS, self.enterprise_id)
        is_rfc5424 = options["protocol"] == "rfc5424"
        self._part_id = name_element("part", self.enterprise_id) if is_rfc5424 else ""
        self._bom = is_rfc5424 and bool(options["bom"])
        # RFC 5424 6: [SP MSG], with a BOM (6.4)
        self._separator_size = is_rfc5424 + (3 if self._bom else 0)
        self._wide = encoder.replace(max_size=WIDE)  # so that no elements are left out
        header = self._wide.header(7, time_ns=0, msgid=MAX_MSGID * "x")
        self.space = encoder.max_size - len(header) - RESERVE

    def render(self, structured_data: "Any") -> bytes:
        """Return what a record brings, whatever it is, as elements; names in it are made to fit."""
        if structured_data is None:
            return b""
        try:
            return render_elements(structured_data, self._param_escapes, self.enterprise_id)
        except Exception:  # of a name, or of the __str__ of a value
            elements: Any = clean_elements(structured_data, self.enterprise_id)
        if elements is None:
            return b""
        return render_elements(elements, self._param_escapes, self.enterprise_id)

    def add_part(self, elements: bytes, number: int, of: int) -> bytes:
        """Return elements with the number of a part, for protocols that have a place for it."""
        if not self._part_id:
            return elements
        part = f'[{self._part_id} number="{number}" of="{of}"]'.encode()
        return join_elements(elements, part)

    def clean(self, text: str) -> str:
        """Return a text without what an encoder leaves out at its ends."""
        if self._escapes.line_ends:
            text = text.rstrip("\r\n")
        return text.lstrip(BOM) if self._bom else text

    def measure(self, text: str) -> int:
        """Return the octets of a text, escaped."""
        if text.isascii() and text.isprintable():
            return len(text)
        return count_octets(text.translate(self._table))

    def fits(self, text: str, space: int) -> bool:
        """Return True if a text, escaped, has no more octets; one far longer is not read."""
        return len(text) <= space and self.measure(text) <= space

    def measure_space(self, encode: "Encode", elements: bytes) -> tuple[int, bool]:
        """Return the octets for a text beside these elements, and whether these are left out."""
        size, widest = [
            self._unframe(encode(encoder, "", elements)) + self._separator_size
            for encoder in (self.encoder, self._wide)
        ]
        return self.encoder.max_size - size, size < widest

    def mark(self, text: str, space: int) -> "str | None":
        """Return as much of a text as fits with a mark that says how much does not.

        None: there is not enough space for the mark.
        """
        octets = count_octets(text)

        def shorten(end: int) -> str:
            return f"{text[:end]} ... ({octets - count_octets(text[:end])} octets truncated)"

        def measure(end: int) -> int:
            return self.measure(shorten(end))

        end = bisect_right(range(min(len(text), max(space, 0))), space, key=measure) - 1
        return None if end < 0 else shorten(end)

    def divide(self, text: str, space: int, most: int) -> "Iterator[str]":
        """Yield parts of a text that fit, behind a blank if one is near; the last has the rest."""
        start = 0
        for _ in range(most - 1):
            end = self._find_end(text, start, space)
            if end == len(text):
                break
            yield self._keep_line_ends(text[start:end])
            start = end
        yield text[start:]

    def _find_end(self, text: str, start: int, space: int) -> int:
        chunk = text[start : start + space]
        size = len(chunk)
        if self.measure(chunk) > space:
            sizes = range(size + 1)
            size = bisect_right(sizes, space, key=lambda n: self.measure(chunk[:n])) - 1
        if start + size == len(text):
            return len(text)
        blank = chunk.rfind(" ", size - size // 8, size)
        if blank >= 0:
            size = blank + 1
        if self._part_id:  # RFC 5424 6.4: one at the begin of a MSG is no part of the text
            size = len(text[start + 1 : start + size + 1].rstrip(BOM)) or size
        return start + size

    def _keep_line_ends(self, text: str) -> str:
        """Return a part of which an encoder leaves out no line ends: they are escaped already."""
        rest = text.rstrip("\r\n")
        if not self._escapes.line_ends or rest == text:
            return text
        return rest + text[len(rest) :].translate(self._table)

    def _unframe(self, frame: bytes) -> int:
        """Return the size of a record without its octet count and delimiter (RFC 6587 3.4)."""
        if self._framing == "octet":
            return len(frame) - frame.index(b" ") - 1
        return len(frame) - (self._framing is not None)
