"""Signals that end a command: at its next look, or at once where it waits."""

# `signal` makes enums of all, which takes longer than a record.
import _signal as signals  # type: ignore[import-not-found]
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Interruption:
    """SIGINT, SIGTERM and SIGHUP: what they end says first what has become of the records.

    In a `with` statement a wait is ended by KeyboardInterrupt, and none begins once a signal has
    come. The body takes nothing that would be lost with it. A second signal ends all at once. What
    is ignored, as by `nohup`, stays so.

    number: of the signal that has come; 0: none has. since: when it came, by monotonic(). call: is
    called then; it waits for nothing.
    """

    call: "Callable[[], object] | None" = None

    def __init__(self) -> None:
        self.number = 0
        self.since = 0.0
        self._is_waiting = False
        for name in NAMES:
            number = getattr(signals, name, None)
            if number is not None and signals.getsignal(number) != signals.SIG_IGN:
                signals.signal(number, self)

    def __call__(self, number: int, frame: "FrameType | None") -> None:
        is_second = bool(self.number)
        if not is_second:
            self.number, self.since = int(number), monotonic()
            if self.call is not None:
                self.call()
        if is_second:
            self.since = 0.0  # so long ago that nothing is waited for any more
        if is_second or self._is_waiting:
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        if self.number:
            raise KeyboardInterrupt
        self._is_waiting = True
        if self.number:  # it has come between the two
            self._is_waiting = False
            raise KeyboardInterrupt

    def __exit__(self, *exc_info: object) -> None:
        self._is_waiting = False
