"""Lines of files and of standard input: as they come, whole, and none of them without a bound."""

import os
import select
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syslogfast.commands.interruption import Interruption

READ_SIZE = 1 << 16  # bytes of input taken at a time
LOOK_INTERVAL = 0.2  # seconds without input after which the caller has its turn
BOM = b"\xef\xbb\xbf"  # of UTF-8
WIDE_BOMS = b"\xff\xfe", b"\xfe\xff"  # of UTF-16 and UTF-32
STANDARD_INPUT = "standard input"


class UnreadableError(Exception):
    """A FILE that could not be read to its end, and why."""


class LineCutter:
    """Cuts what is read into whole lines, and holds no more than `longest` bytes of one.

    divides: the rest of a longer one becomes other lines; else it is left out.
    """

    def __init__(self, longest: int, divides: bool) -> None:
        self._longest = longest
        self._divides = divides
        self._pieces: list[bytes] = []  # of the line that has not ended
        self._size = 0
        self._skips = False  # the rest of a line that is too long
        self._is_begin = True  # of the file

    def take(self, data: bytes) -> bytes:
        """Return the lines that have ended by now, and what is to be sent of one that is long."""
        if self._skips:
            end = data.find(b"\n") + 1
            if not end:
                return b""
            data = data[end:]
            self._skips = False
        end = data.rfind(b"\n") + 1
        lines = data[:end]
        if end:
            lines = self._join(lines)
            data = data[end:]
        if data:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > self._longest:
                lines += self._cut_long()
        return lines

    def end(self) -> bytes:
        """Return the last line, which has no end, if there is one; the next one is another's."""
        last = self._join(b"")
        self._skips = False
        return last

    def _join(self, data: bytes) -> bytes:
        if self._pieces:
            data = b"".join([*self._pieces, data])
            self._pieces, self._size = [], 0
        if self._is_begin and data:
            self._is_begin = False
            if data.startswith(BOM):
                return data[len(BOM) :]
        return data

    def _cut_long(self) -> bytes:
        text = self._join(b"")
        end = find_boundary(text, self._longest)
        if self._divides:
            self._pieces, self._size = [text[end:]], len(text) - end
        else:
            self._skips = True
        return text[:end] + b"\n"


def find_boundary(text: bytes, most: int) -> int:
    """Return where to cut a text, at most there, so that no character of UTF-8 is divided."""
    end = most
    while end > most - 4 and end > 1 and end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return end


class TextCheck:
    """Tells, once for each file, that it is no UTF-8.

    tell: takes a line that tells so.
    """

    def __init__(self, name: str, tell: "Callable[[str], None]") -> None:
        self._name = name
        self._tell = tell
        self._is_begin = True
        self._is_told = False

    def look(self, lines: bytes) -> None:
        if self._is_told:
            return
        is_wide = self._is_begin and lines.startswith(WIDE_BOMS)
        self._is_begin = False
        if is_wide or b"\0" in lines:
            where = "" if self._name == STANDARD_INPUT else f" {self._name}"
            what = "is UTF-16, not UTF-8" if is_wide else "is not UTF-8: it has NUL octets"
            self._say(f"{what}; try iconv -f UTF-16 -t UTF-8{where} | syslogfast send")
        elif not lines.isascii():
            try:
                lines.decode()
            except UnicodeDecodeError:
                self._say("is not UTF-8: what is no character becomes U+FFFD; try iconv -t UTF-8")

    def _say(self, what: str) -> None:
        self._is_told = True
        self._tell(f"{self._name} {what}")


def open_input(path: str, interruption: "Interruption") -> int:
    """Return a descriptor of a file; that of a FIFO waits for one who writes."""
    with interruption:
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))


def read_data(fd: int, interruption: "Interruption") -> "Iterator[bytes]":
    """Yield what is read, and nothing now and then while there is none."""
    poll = None
    if not stat.S_ISREG(os.fstat(fd).st_mode) and hasattr(select, "poll"):
        poll = select.poll()
        poll.register(fd, select.POLLIN)
    while not interruption.number:
        if poll is not None:
            ready: object = None
            with interruption:
                ready = poll.poll(LOOK_INTERVAL * 1000)
            if not ready:
                yield b""
                continue
        data = os.read(fd, READ_SIZE)
        if not data:
            return
        yield data


def take_lines(
    fd: int, cutter: LineCutter, check: TextCheck, interruption: "Interruption"
) -> "Iterator[bytes]":
    """Yield the lines that what is read completes, many at a time."""
    for data in read_data(fd, interruption):
        lines = cutter.take(data)
        if lines:
            check.look(lines)
        yield lines


def read_lines(
    path: str, cutter: LineCutter, check: TextCheck, interruption: "Interruption"
) -> "Iterator[bytes]":
    """Yield the lines of a file as they come, many at a time, the last perhaps without LF.

    path: "-" for standard input. What is empty gives the caller a turn.
    """
    fd = 0
    try:
        if path != "-":
            fd = open_input(path, interruption)
        yield from take_lines(fd, cutter, check, interruption)
    except OSError as error:
        name = STANDARD_INPUT if path == "-" else path
        raise UnreadableError(f"cannot read {name}: {error.strerror}") from None
    except KeyboardInterrupt:
        pass  # the last line is sent, too
    finally:
        if fd:
            os.close(fd)
    last = cutter.end()
    if last:
        check.look(last)
        yield last
