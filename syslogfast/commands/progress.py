"""A line on a terminal that shows how far a long command is; nothing where nobody looks."""

import os
import sys
from time import monotonic

REFRESH_INTERVAL = 0.1  # seconds


def is_terminal(fd: int) -> bool:
    """Return True if somebody looks at a descriptor, and a line there can be written anew."""
    return os.isatty(fd) and os.environ.get("TERM") != "dumb"


def write_error(text: str) -> None:
    """Write to standard error, if there is one, and it has space."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # it is closed, or full: there is nobody else to tell


class ProgressLine:
    """Standard error's last line, written anew now and then, and no longer than the terminal."""

    def __init__(self, is_wanted: bool = True) -> None:
        self.is_shown = is_wanted and is_terminal(2)
        self._shown = monotonic()
        self._is_there = False

    def is_due(self) -> bool:
        """Return True if it is time to look again; once each time."""
        if monotonic() - self._shown < REFRESH_INTERVAL:
            return False
        self._shown = monotonic()
        return True

    def show(self, text: str) -> None:
        if self.is_shown:
            try:
                width = os.get_terminal_size(2).columns
            except OSError:
                width = 0
            write_error(f"\r{text[: (width or 80) - 1]}\x1b[K")  # one that wraps stays
            self._is_there = True

    def tell(self, text: str) -> None:
        """Write a line that stays, in place of this one."""
        self.clear()
        write_error(f"{text}\n")

    def clear(self) -> None:
        if self._is_there:
            self._is_there = False
            write_error("\r\x1b[K")
