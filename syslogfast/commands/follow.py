"""Files that go on: what is appended to them, through rotation and truncation."""

import os
import stat
import time
from time import monotonic

from syslogfast.commands.lines import LOOK_INTERVAL, READ_SIZE, UnreadableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syslogfast.commands.interruption import Interruption
    from syslogfast.commands.lines import LineCutter, TextCheck

LATE_TIME = 1.0  # seconds without another line after which a file that was replaced has ended
MARK_SIZE = 256  # bytes before the position: others there tell that the file was written anew


class FollowedFile:
    """A file by its name: whichever has that now, and the former one until that has ended.

    from_end: what the first one has already is left out. tell: takes a line for the user.
    """

    def __init__(
        self,
        path: str,
        cutter: "LineCutter",
        check: "TextCheck",
        from_end: bool,
        tell: "Callable[[str], None]",
    ) -> None:
        self._path = path
        self._cutter = cutter
        self._check = check
        self._from_end = from_end
        self._tell = tell
        self._fd = -1
        self._identity = (0, 0)  # device and inode
        self._is_regular = True
        self._position = 0
        self._mark = b""  # what stands before that
        self._state = (0, 0)  # size and time of the last change, when it was looked at last
        self._is_ending = False  # another file has its name
        self._quiet_since = 0.0  # by monotonic(), of one that is ending
        self._is_missing = False

    def read(self) -> bytes:
        """Return the lines that have been appended; nothing if there are none."""
        lines = self._read()
        if lines:
            self._check.look(lines)
        return lines

    def _read(self) -> bytes:
        if self._fd < 0 and not self._open():
            return b""
        if self._is_regular and self._was_written_anew():
            os.lseek(self._fd, 0, os.SEEK_SET)
            self._position, self._mark = 0, b""
            return self.end()
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            data = b""
        if data:
            self._quiet_since = monotonic()
            self._position += len(data)
            self._mark = (self._mark + data[-MARK_SIZE:])[-MARK_SIZE:]
            return self._cutter.take(data)
        if self._is_replaced():
            if not self._is_ending:
                self._is_ending = True  # who writes to it may do so a little longer
                self._quiet_since = monotonic()
            elif monotonic() - self._quiet_since >= LATE_TIME:
                self.close()
                return self.end()
        return b""

    def end(self) -> bytes:
        """Return a last line that has no end."""
        last = self._cutter.end()
        return last + b"\n" if last else b""

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> bool:
        try:
            # Without O_NONBLOCK a FIFO would wait for one who writes.
            self._fd = os.open(self._path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if not self._is_missing:
                self._is_missing = True
                self._tell(f"{self._path}: {error.strerror}; waiting for it")
            self._from_end = False  # what comes is new
            return False
        status = os.fstat(self._fd)
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableError(f"cannot read {self._path}: it is a directory")
        self._is_missing = self._is_ending = False
        self._is_regular = stat.S_ISREG(status.st_mode)
        self._identity = status.st_dev, status.st_ino
        self._position, self._mark, self._state = 0, b"", (0, 0)
        if self._from_end and self._is_regular:
            self._position = os.lseek(self._fd, 0, os.SEEK_END)
            self._mark = self._read_mark(min(MARK_SIZE, self._position))
        self._from_end = False
        return True

    def _read_mark(self, size: int) -> bytes:
        return os.pread(self._fd, size, self._position - size) if size else b""

    def _was_written_anew(self) -> bool:
        """Return True if the file was truncated, though it may be as long as before by now."""
        status = os.fstat(self._fd)
        state = status.st_size, status.st_mtime_ns
        if state == self._state:
            return False
        self._state = state
        return status.st_size < self._position or self._read_mark(len(self._mark)) != self._mark

    def _is_replaced(self) -> bool:
        try:
            status = os.stat(self._path)
        except OSError:
            return False  # another one may come; until then this one goes on
        return (status.st_dev, status.st_ino) != self._identity


def follow_lines(files: list[FollowedFile], interruption: "Interruption") -> "Iterator[bytes]":
    """Yield lines as they are appended, until the interruption; what is empty is a turn."""
    try:
        while True:
            has_any = False
            for file in files:
                lines = file.read()
                has_any = has_any or bool(lines)
                yield lines
            if not has_any:
                with interruption:
                    time.sleep(LOOK_INTERVAL)
            elif interruption.number:
                break
    except KeyboardInterrupt:
        pass
    except OSError as error:
        raise UnreadableError(f"cannot read {error.filename}: {error.strerror}") from None
    for file in files:
        yield file.end()
        file.close()
