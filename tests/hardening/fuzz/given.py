"""Values made of the octets of an input: near inputs make near values, and each octet counts.

An input that is used up goes on as zeros, which choose what is plainest.
"""

import random
from collections.abc import Sequence
from typing import Any, TypeVar

from support.malicious_input import OCTETS, TEXTS

T = TypeVar("T")

# What is to stand at each place of a scan that takes 8 or 16 octets at a time, and at each cut.
FRAGMENTS = [
    *["a", "", " ", "x" * 7, "y" * 8, "z" * 15, "plain words of a log", "w" * 33, "v" * 200],
    *["\n", "\0", "\t", "\r", "\x1b[31m", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\xa0", "\xff"],
    *["\u2028", "\u2029", "\u202a", "\u2027", "\u20a8", "\ufeff", "\ufeff\ufeff", "\ufffd"],
    *["\ud800", "\udfff", "\udc80", "\U0001f600", "\U0010ffff", "\u00e9", "\u20ac", "\uffff"],
    *['"', "\\", "]", "[", "=", "#012", "%s", "e\u0301" * 9, "\u0436" * 20, "\U0001f4a9" * 12],
]
ILL_FORMED = [data for data in OCTETS if len(data) < 100]
SHORT_TEXTS = [text for text in TEXTS if len(text) < 600]
SECOND = 1_000_000_000
EDGES = [
    *[0, 1, -1, 7, 8, 15, 16, 31, 32, 33, 127, 128, 255, 256, 1023, 1024, 2047, 2048, 4096, 8191],
    *[8192, 65_535, 65_536, 2**31 - 1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, -(2**63), 2**64],
    *[-62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1, 253_402_300_800 * SECOND],
    *[1_065_910_455_003_000_000, 10**30, -(10**30)],
]


class Given:
    """An input, and how far it has been read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def is_over(self) -> bool:
        return self.position >= len(self.data)

    def octet(self) -> int:
        if self.position >= len(self.data):
            return 0
        self.position += 1
        return self.data[self.position - 1]

    def take(self, size: int) -> bytes:
        """Return so many octets, or those that are left."""
        start = self.position
        self.position = min(start + size, len(self.data))
        return self.data[start : self.position]

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        size = ((limit - 1).bit_length() + 7) // 8
        return int.from_bytes(self.take(size), "little") % limit

    def flag(self) -> bool:
        return bool(self.octet() & 1)

    def rarely(self) -> bool:
        """Return True once in 16 times; never where the input is used up."""
        return self.octet() & 15 == 15

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def integer(self) -> int:
        form = self.octet()
        if form < 64:
            return self.octet()
        if form < 128:
            return self.pick(EDGES) + self.below(5) - 2
        return int.from_bytes(self.take(form % 8 + 1), "little", signed=form >= 192)

    def size(self) -> int:
        """Return a small number mostly, and at times one of thousands."""
        first = self.octet()
        return first if first < 224 else (first - 223) * 256 + self.octet()

    def text(self) -> str:
        """Return any text: of one, two and four octets a character, and with lone surrogates."""
        form = self.octet()
        if form < 96:
            return "".join([self.pick(FRAGMENTS) for _ in range(form % 12)])
        if form < 144:
            return self.take(form % 48).decode("latin-1")
        if form < 176:
            return self.take(self.size()).decode("utf-8", "surrogateescape")
        if form < 200:
            return "".join([chr(self.below(0x110000)) for _ in range(form % 24)])
        if form < 224:
            return self.pick(SHORT_TEXTS)
        return self.pick(FRAGMENTS) * self.size() + self.pick(FRAGMENTS)

    def octets(self) -> bytes:
        """Return any octets, UTF-8 or not."""
        form = self.octet()
        if form < 64:
            return self.take(form)
        if form < 128:
            pieces = []
            for _ in range(form % 8):
                is_text = self.flag()
                piece = self.pick(FRAGMENTS) if is_text else self.pick(ILL_FORMED)
                pieces.append(piece if isinstance(piece, bytes) else encode(piece))
            return b"".join(pieces)
        if form < 192:
            return encode(self.text())
        return self.take(self.size())


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Chance(random.Random):
    """A generator of random numbers whose numbers are those of an input."""

    def __init__(self, given: Given) -> None:
        self.given = given
        super().__init__(0)

    def random(self) -> float:
        return int.from_bytes(self.given.take(2), "little") / 65536

    def getrandbits(self, k: int) -> int:
        return int.from_bytes(self.given.take((k + 7) // 8), "little") >> (-k % 8)

    def seed(self, *_: Any) -> None:
        pass
