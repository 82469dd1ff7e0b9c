"""A line on a terminal that shows how far a long command is; nothing where nobody looks."""

import sys
from time import monotonic

REFRESH_INTERVAL = 0.1  # seconds


class ProgressLine:
    """Standard error's last line, written anew now and then."""

    def __init__(self) -> None:
        self.is_shown = sys.stderr.isatty()
        self._shown = monotonic()

    def is_due(self) -> bool:
        """Return True if it is time to look again; once each time."""
        if monotonic() - self._shown < REFRESH_INTERVAL:
            return False
        self._shown = monotonic()
        return True

    def show(self, text: str) -> None:
        if self.is_shown:
            sys.stderr.write(f"\r{text}\x1b[K")
            sys.stderr.flush()

    def end(self, text: str) -> None:
        """Leave this there instead, for those who do not look at a terminal, too."""
        sys.stderr.write(f"\r{text}\x1b[K\n" if self.is_shown else f"{text}\n")

    def clear(self) -> None:
        self.show("")
