"""One text that becomes several records, or one with a mark."""

from syslogfast._structured_data import add_number
from syslogfast._text import read_text
from syslogfast.constants import MAX_SEQUENCE_ID, WIDEST
from syslogfast.long_texts.limits import split_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syslogfast.long_texts import DividesTexts
    from syslogfast.long_texts.limits import Encode, Limits

MOST_RECORDS = 1000  # that one text may become


class Division:
    """Sends records that differ in their text, their number and that of their part alone.

    elements: what each of them has beside these numbers. Nothing is queued if `encode` raises.
    """

    def __init__(
        self,
        emitter: "DividesTexts",
        limits: "Limits",
        severity: int,
        encode: "Encode",
        elements: bytes,
    ) -> None:
        self._oversize = emitter._oversize
        self._multiline = emitter._multiline
        self._sequence = emitter._sequence
        self._sender = emitter._sender
        self._limits = limits
        self._severity = severity
        self._encode = encode
        self._elements = elements
        self._spaces: dict[int, tuple[int, bool]] = {}  # by the size of the elements

    def send(self, text: "str | bytes") -> None:
        """Send a text as MOST_RECORDS at most, of which the last one has the rest."""
        whole = read_text(text) or ""
        lines = split_lines(whole) if self._multiline == "split" else [whole]
        if len(lines) > MOST_RECORDS:
            lines[MOST_RECORDS - 1 :] = ["\n".join(lines[MOST_RECORDS - 1 :])]
        left = MOST_RECORDS
        for i, line in enumerate(lines):
            left -= self._send_line(self._limits.clean(line), left - (len(lines) - i - 1))

    def _send_line(self, text: str, most: int) -> int:
        """Send a text within `max_size`; return as how many records, `most` at most."""
        limits = self._limits
        numbered = self._add_number()
        space, lacks_elements = self._measure_space(numbered)
        is_truncated = not limits.fits(text, max(space, 0))
        if is_truncated and self._oversize == "split" and most > 1:
            part_space = self._measure_part_space()
            if part_space >= WIDEST:  # no part is without a character
                return self._send_parts(
                    list(limits.divide(text, part_space, most)), part_space, numbered
                )
        if is_truncated and self._oversize != "truncate":
            text = limits.mark(text, space) or text
        self._put(text, numbered, is_truncated or lacks_elements)
        return 1

    def _send_parts(self, parts: list[str], part_space: int, numbered: bytes) -> int:
        for i, text in enumerate(parts):
            if i:
                numbered = self._add_number()
            is_truncated = not self._limits.fits(text, part_space)
            if is_truncated:
                text = self._limits.mark(text, part_space) or text
            self._put(text, self._limits.add_part(numbered, i + 1, len(parts)), is_truncated)
        return len(parts)

    def _put(self, text: str, elements: bytes, is_truncated: bool) -> None:
        frame = self._encode(self._limits.encoder, text, elements)
        self._sender.enqueue(frame, self._severity, is_truncated)

    def _measure_space(self, elements: bytes) -> tuple[int, bool]:
        """Return the octets for a text beside elements, and whether these are left out."""
        size = len(elements)
        if size not in self._spaces:
            self._spaces[size] = self._limits.measure_space(self._encode, elements)
        return self._spaces[size]

    def _measure_part_space(self) -> int:
        """Return the octets of a part beside the longest numbers; 0: elements are left out."""
        longest: Any = self._limits.add_part(self._elements, MOST_RECORDS, MOST_RECORDS)
        if self._sequence is not None:
            longest = add_number(longest, MAX_SEQUENCE_ID)
        part_space, lacks_elements = self._limits.measure_space(self._encode, longest)
        return 0 if lacks_elements else part_space

    def _add_number(self) -> "Any":
        """Return the elements with the next number in them, if records are numbered."""
        return self._elements if self._sequence is None else self._sequence.number(self._elements)
