"""The frames of a stream (RFC 6587), and what has come of one that is not complete."""

import re

from syslogfast.commands.parse import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Receiver(Protocol):
        """Takes what has arrived."""

        def add(self, data: bytes, peer: str) -> None: ...

        def add_malformed(
            self, error: MalformedError, data: bytes | bytearray, peer: str
        ) -> None: ...


MAX_FRAME = 10 << 20  # bytes of one frame of a stream
COPIED_SIZE = 1 << 18  # bytes of a buffer up to which a copy is quicker than a view
COUNT_RULE = "MSG-LEN must be 1 to 7 digits and a space"
COUNT_START = re.compile(rb"[0-9]{1,7}")
# RFC 6587 3.4.1: MSG-LEN SP
COUNT = re.compile(rb"([1-9][0-9]{0,6}) ")
# A line of a log file without PRI, as rsyslog's FileFormat has it: a year, not a MSG-LEN.
YEAR = re.compile(rb"[12][0-9]{3}[-/]")


def split_frames(buffer: bytes | bytearray) -> tuple[list[bytes], int]:
    """Return the complete frames at the start of a stream's buffer, and how many bytes they took.

    Each is framed on its own, as collectors take them: a digit from 1 to 9 begins octet counting
    (RFC 6587 3.4.1), but for a year, "2003-"; anything else goes up to LF or NUL (3.4.2).
    MalformedError, with an offset within the frame: the one at the start of the buffer is
    malformed. One further on raises when those before it have been taken.

    >>> split_frames(b"<13>a\\n5 <13>b<13>c\\n<13>d")
    ([b'<13>a', b'<13>b', b'<13>c'], 19)
    """
    if len(buffer) <= COPIED_SIZE:
        data = bytes(buffer)
        return cut_frames(data, data)
    with memoryview(buffer) as view:  # so that a frame of megabytes is in memory twice, not thrice
        return cut_frames(buffer, view)


def cut_frames(data: bytes | bytearray, view: bytes | memoryview) -> tuple[list[bytes], int]:
    size = len(data)
    frames: list[bytes] = []
    start = 0
    line_feed = nul = -1  # where the next ones are; not found, -1, becomes size
    while start < size:
        if 48 < data[start] < 58 and not YEAR.match(data, start):
            count = COUNT.match(data, start)
            if not count:
                if not frames:
                    check_count(data)
                break
            begin = count.end()
            end = begin + int(count[1])
            if end > size:
                break
            frames.append(bytes(view[begin:end]))
            start = end
            continue
        if line_feed < start:
            line_feed = data.find(b"\n", start) % (size + 1)
        if nul < start:
            nul = data.find(b"\0", start) % (size + 1)
        end = min(line_feed, nul)
        if end - start > MAX_FRAME:
            if frames:
                break
            raise MalformedError(f"a record must end within {MAX_FRAME:,} bytes", MAX_FRAME)
        if end == size:
            break
        frames.append(bytes(view[start:end]))
        start = end + 1
    return frames, start


def check_count(data: bytes | bytearray) -> None:
    """Refuse digits that cannot become an octet count, whatever follows."""
    digits = COUNT_START.match(data)
    end = digits.end() if digits else 0
    if end < len(data):
        raise MalformedError(COUNT_RULE, end)


def is_counted(data: bytes | bytearray) -> bool:
    """Return True if the frame at the start of `data` has a MSG-LEN, as far as it has come."""
    return data[:1].isdigit() and data[0] != ord("0") and not YEAR.match(data)


def measure_frame(data: bytes | bytearray) -> int:
    """Return the size that the frame at the start of `data` must have by its count, else 0."""
    count = COUNT.match(data)
    return count.end() + int(count[1]) if count else 0


class Connection:
    """What one peer of a stream has sent beyond its last complete frame."""

    def __init__(self, peer: str, receiver: "Receiver") -> None:
        self.peer = peer
        self.receiver = receiver
        self.rest = bytearray()
        self.needed = 0  # the size at which `rest` may hold a frame, whatever comes
        self.records = 0

    def take(self, data: bytes) -> None:
        """Hand over the frames that are now complete; MalformedError if one cannot become so."""
        self.rest += data
        if len(self.rest) < self.needed and (is_counted(self.rest) or not has_delimiter(data)):
            return
        used = 1
        while used:
            frames, used = split_frames(self.rest)
            del self.rest[:used]
            self.records += len(frames)
            for frame in frames:
                self.receiver.add(frame, self.peer)
        self.needed = 0
        if self.rest:
            self.needed = measure_frame(self.rest) if is_counted(self.rest) else MAX_FRAME + 1

    def end(self, malformed: MalformedError | None = None) -> None:
        """Report what can no longer become a record."""
        if self.rest and not malformed:
            rule = "where its MSG-LEN says" if is_counted(self.rest) else "with LF or NUL"
            malformed = MalformedError(f"a record must end {rule}", len(self.rest))
        rest, self.rest = self.rest, bytearray()
        if malformed:
            self.receiver.add_malformed(malformed, rest, self.peer)  # megabytes: not a copy


def has_delimiter(data: bytes) -> bool:
    return b"\n" in data or b"\0" in data
