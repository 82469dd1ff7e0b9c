"""Reports, in the log itself, of how many records it lacks."""

from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from syslogfast.transports.queue_py import Queue

    ReportRenderer: TypeAlias = "Callable[[dict[str, int], int], bytes]"

REPORT_INTERVAL = 1.0  # seconds at least between two reports


class DropReporter:
    """Queues a record that reports drops, when the transport moves again.

    render: returns that record for {reason: records} and the time of the first drop, in
        nanoseconds since the epoch.
    keeps_last: what is queued last is not dropped, so that a report may be queued behind others.
    """

    def __init__(self, queue: "Queue", render: "ReportRenderer", keeps_last: bool) -> None:
        self._queue = queue
        self._keeps_last = keeps_last
        self._render = render
        self.reported: dict[str, int] = {}  # by reason
        self.reported_before: dict[str, int] = {}  # without the last report
        self._offered = 0  # records, when the last report was queued
        self._next = 0.0  # by monotonic()
        self.is_due = False  # a report that could not be queued before

    def find_delay(self) -> float | None:
        """Return the seconds until there is something to report; None: nothing has to be."""
        # A report that was dropped itself is counted by the next, but is no reason for one.
        if not self._queue.drops_since or self._queue.count_all()["offered"] == self._offered:
            return None
        return max(0.0, self._next - monotonic())

    def report(self, is_last: bool = False) -> bool:
        """Queue a report if it is time, or if it is the last; False: it has to be done later."""
        delay = self.find_delay()
        self.is_due = not (delay is None or self._queue_report(delay, is_last))
        return not self.is_due

    def _queue_report(self, delay: float, is_last: bool) -> bool:
        queue = self._queue
        if not is_last and (delay or (queue.count and not self._keeps_last)):
            return False
        self._next = monotonic() + REPORT_INTERVAL
        since, queue.drops_since = queue.drops_since, 0
        dropped: dict[str, int] = queue.count_all()["dropped"]
        lost = {
            reason: count - self.reported.get(reason, 0)
            for reason, count in dropped.items()
            if count > self.reported.get(reason, 0)
        }
        if not lost:
            return True  # of one that came between the two lines above
        if not queue.put(self._render(lost, since), False, is_last):
            queue.drops_since = since  # there is no space for it
            return False
        self.reported_before, self.reported = self.reported, dropped
        self._offered = queue.count_all()["offered"]
        return True
