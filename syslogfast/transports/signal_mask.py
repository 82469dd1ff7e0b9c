"""Signals that are blocked: in all of our threads, and SIGPIPE in whoever writes."""

from syslogfast._platform import find_signal_action

try:
    import _signal as signals  # type: ignore[import-not-found]
except ImportError:  # nor are there any
    signals = None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set

# They tell of a fault of the thread that gets them: blocked, they end the process, and no handler
# is called.
FAULTS = "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP"


def list_asynchronous_signals() -> "Set[int]":
    """Return the signals that any thread of a process can be given."""
    if not hasattr(signals, "valid_signals"):
        return frozenset()
    return signals.valid_signals() - {getattr(signals, name, 0) for name in FAULTS}  # type: ignore[no-any-return]


class BlockedSignals:
    """While it is entered, this thread is given none of these signals, nor are those it starts."""

    def __init__(self, numbers: "Set[int]") -> None:
        self._numbers = numbers
        self._before: Set[int] | None = None

    def __enter__(self) -> None:
        if self._numbers and hasattr(signals, "pthread_sigmask"):
            # Each call may have a handler called, which may raise: at the first one nothing is
            # blocked yet.
            self._before = signals.pthread_sigmask(signals.SIG_BLOCK, ())
            try:
                signals.pthread_sigmask(signals.SIG_BLOCK, self._numbers)
            except BaseException:
                self.__exit__()
                raise

    def __exit__(self, *exc_info: object) -> None:
        if self._before is not None:
            signals.pthread_sigmask(signals.SIG_SETMASK, self._before)


class WithoutSigpipe(BlockedSignals):
    """While it is entered, to write where nobody reads any more is an error and no signal.

    Python ignores SIGPIPE itself, but a program may have reset it, which that would end.
    """

    def __init__(self) -> None:
        number = getattr(signals, "SIGPIPE", 0)
        is_reset = number and find_signal_action(number) in (None, signals.SIG_DFL)
        super().__init__(frozenset([number] if is_reset else []))
        self._was_pending = False

    def __enter__(self) -> None:
        if self._numbers and hasattr(signals, "sigpending"):  # while nothing is blocked yet
            self._was_pending = self._numbers <= signals.sigpending()
        super().__enter__()

    def __exit__(self, *exc_info: object) -> None:
        if self._before is not None and not self._was_pending:  # then it is of this write
            if hasattr(signals, "sigtimedwait"):
                signals.sigtimedwait(self._numbers, 0)
            elif self._numbers <= signals.sigpending():  # macOS
                signals.sigwait(self._numbers)
        super().__exit__()
