"""From `emit` into the queue, in Python: the specification that `_emitter_c.pxi` must match.

A record is encoded on the caller's thread, put into the queue, and left to the delivery.
"""

import _thread
import time

from syslogfast._checks import check_field, check_queue_bytes, check_severity
from syslogfast._encoder_py import Encoder
from syslogfast._log_record import choose_arguments, format_message, read_any_message
from syslogfast._timestamp import check_time

TYPE_CHECKING = False
if not TYPE_CHECKING:
    from _collections import deque  # collections has it from there, and imports more
if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Iterable
    from typing import Any

    from syslogfast._encoder_py import StructuredData
    from syslogfast.transports.delivery import Delivery

BLOCK_SIZE = 1 << 17  # bytes that `peek` gives at most, unless one record is longer
NO_ROOM, QUEUED, FIRST = 0, 1, 2  # what becomes of a record that is put into the queue
TRIES = 100  # to get the room that was made before another thread takes it
WIDEST = 12  # octets that a character can take: U+2028 as "#342#200#250"


class Queue:
    """Framed records on their way to one road: bounded in bytes, each of them accounted for.

    limit: bytes that may be queued. `count` and `size` are the records and bytes that are;
    `threshold` is the size from which on the emitter calls the delivery.
    """

    __slots__ = (
        "_cuts",
        "_dropped",
        "_frames",
        "_held",
        "_held_size",
        "_lock",
        "_position",
        "_sent",
        "_sent_bytes",
        "closed",
        "limit",
        "size",
        "threshold",
    )

    def __init__(self, limit: "int") -> "None":
        self.limit = check_queue_bytes(limit)
        self.threshold = 0
        self.closed = False
        self.size = 0
        self._frames: deque[bytes] = deque()
        self._position = 0  # bytes of the first frame that have been sent
        self._held = 0  # frames that `peek` has given and that are not to be dropped meanwhile
        self._held_size = 0  # bytes of them that it has given
        # A signal's handler may log while this thread holds it: so, nothing is called between the
        # look at a count and its change, for handlers run at calls.
        self._lock = _thread.RLock()
        self._sent = 0
        self._sent_bytes = 0
        self._cuts = 0
        self._dropped: dict[str, int] = {}

    @property
    def count(self) -> "int":
        return len(self._frames)

    def put(self, frame: "bytes", is_cut: "bool") -> "int":
        """Queue a record if there is room: NO_ROOM, QUEUED, or FIRST if there was none before."""
        size = len(frame)
        with self._lock:
            if self.closed or self.size + size > self.limit:
                return NO_ROOM
            state = QUEUED if self._frames else FIRST
            self.size += size
            self._cuts += is_cut
            self._frames.append(frame)
            return state

    def drop(self, reason: "str") -> "None":
        """Count a record that was offered and that is not going to be queued."""
        with self._lock:
            self._count_drops(reason, 1)

    def peek(self, one: "bool" = False) -> "memoryview | None":
        """Return bytes that are to be sent next, of one record or of many; None: there are none."""
        with self._lock:
            if not self._frames:
                return None
            frames = [self._frames[0]]
            size = len(frames[0])
            while not one and len(frames) < len(self._frames):  # more may come meanwhile
                frame = self._frames[len(frames)]
                size += len(frame)
                if size > BLOCK_SIZE:
                    break
                frames.append(frame)
            data = memoryview(b"".join(frames))[self._position :]
            self._held, self._held_size = len(frames), len(data)
            return data

    def advance(self, size: "int") -> "None":
        """Take note that the road has taken so many of the bytes that `peek` has given."""
        with self._lock:
            if not self._held:
                return  # all was dropped meanwhile
            size = max(0, min(size, self._held_size))
            self.size -= size
            self._sent_bytes += size
            self._position += size
            while self._frames and self._position >= len(self._frames[0]):
                frame = self._frames.popleft()
                self._sent += 1
                self._position -= len(frame)
            self._held = 0

    def rewind(self) -> "None":
        """Take note that the road broke: a record of which a part was sent is sent as a whole."""
        with self._lock:
            self.size += self._position
            self._sent_bytes -= self._position
            self._position = 0
            self._held = 0

    def drop_first(self, reason: "str") -> "None":
        """Drop the record that `peek` has given: no road takes it."""
        with self._lock:
            if self._held:
                self._drop_frame(0, reason)
            self._held = 0

    def drop_oldest(self, size: "int") -> "None":
        """Drop what is oldest, and not on its way, until there is room for so many bytes."""
        with self._lock:
            first = max(self._held, self._position > 0)
            while len(self._frames) > first and self.size + size > self.limit:
                self._drop_frame(first, "full")

    def clear(self, reason: "str") -> "None":
        """Drop all that is queued."""
        with self._lock:
            self._held = 0
            while self._frames:
                self._drop_frame(0, reason)

    def count_all(self) -> "dict[str, Any]":
        """Return what became of all records: offered == sent + queued + dropped."""
        with self._lock:
            dropped = dict(self._dropped)
            queued = self.count
            return {
                "offered": self._sent + queued + sum(dropped.values()),
                "sent": self._sent,
                "queued": queued,
                "dropped": dropped,
                "truncated": self._cuts,
                "bytes": self._sent_bytes,
            }

    def _count_drops(self, reason: "str", count: "int") -> "None":
        if reason not in self._dropped:
            self._dropped[reason] = 0
        self._dropped[reason] += count

    def _drop_frame(self, index: "int", reason: "str") -> "None":
        size = len(self._frames[index])
        if index == 0:
            size -= self._position
            self._position = 0
        del self._frames[index]
        self.size -= size
        self._count_drops(reason, 1)


def is_cut(
    encoder: "Encoder",
    frame: "bytes",
    severity: "int",
    message: "str | bytes",
    time_ns: "int",
    msgid: "str | None",
    structured_data: "StructuredData | None",
) -> "bool":
    """Tell whether a record would be longer if there were no `max_size`."""
    if structured_data is None and encoder._has_room(WIDEST * len(message)):
        return False
    unlimited = encoder._without_limit()
    record = unlimited.encode(
        severity, message, time_ns=time_ns, msgid=msgid, structured_data=structured_data
    )
    return len(record) > len(frame)


def make_level_method(severity: "int", name: "str", meaning: "str") -> "Callable[..., None]":
    """Return `emit` for one severity (RFC 5424 6.2.1, table 2)."""

    def send(
        self: "Voice",
        message: "object",
        *args: "object",
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
        time_ns: "int | None" = None,
    ) -> "None":
        Voice.emit(
            self,
            severity,
            message,
            *args,
            msgid=msgid,
            structured_data=structured_data,
            time_ns=time_ns,
        )

    send.__name__ = name
    send.__qualname__ = f"Voice.{name}"
    send.__doc__ = f"Send a record of severity {severity}: {meaning}."
    return send


class Voice:
    """What is fast of `syslogfast.Emitter`, which see."""

    __slots__ = ("_delivery", "_encoder", "_queue")

    def __init__(self, encoder: "Encoder", queue: "Queue", delivery: "Delivery") -> "None":
        self._encoder = encoder
        self._queue = queue
        self._delivery = delivery

    def emit(
        self,
        severity: "int | str",
        message: "object",
        *args: "object",
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
        time_ns: "int | None" = None,
    ) -> "None":
        """Send one record.

        `severity`, `msgid`, `structured_data` and `time_ns` are those of `Encoder.encode`, and
        so are the errors that they raise. `message` may be anything: bytes and other buffers
        are UTF-8, all else is written as by str(); with `args` it is the template of a
        %-formatting, as in `logging`. What cannot be printed is named in the text.

        It waits only if overflow="block"; what becomes of the record is in `stats`.
        """
        code = check_severity(severity)
        if args:
            message = format_message(message, choose_arguments(args))
        text = read_any_message(message)
        moment = time.time_ns() if time_ns is None else time_ns
        self._put(code, text, moment, msgid, structured_data)

    def emit_many(self, severity: "int | str", messages: "Iterable[object]") -> "None":
        """Send one record for each message, as `emit` does.

        The clock is read once for all that go out together.
        """
        code = check_severity(severity)
        moment = None
        for message in messages:
            text = read_any_message(message)
            if moment is None:
                moment = time.time_ns()
            if self._put(code, text, moment, None, None):
                moment = None

    def _put(
        self,
        severity: "int",
        message: "str | bytes",
        time_ns: "int",
        msgid: "str | None",
        structured_data: "StructuredData | None",
    ) -> "bool":
        """Queue one record; tell whether the delivery has been called to send."""
        encoder, queue = self._encoder, self._queue
        if structured_data is not None:  # rendered once: its values may run code
            check_time(time_ns)
            msgid = None if msgid is None else check_field("msgid", msgid)
            structured_data = encoder._render_elements(structured_data)
        frame = encoder.encode(
            severity, message, time_ns=time_ns, msgid=msgid, structured_data=structured_data
        )
        cut = is_cut(encoder, frame, severity, message, time_ns, msgid, structured_data)
        state = queue.put(frame, cut)
        if state == NO_ROOM:
            if queue.closed:
                queue.drop("closed")
                return True
            if len(frame) > queue.limit:
                queue.drop("too large")
                return True
            for _ in range(TRIES):
                if state != NO_ROOM or not self._delivery.make_room(len(frame)):
                    break
                state = queue.put(frame, cut)
            if state == NO_ROOM:
                queue.drop("closed" if queue.closed else "full")
                return True
        if queue.size >= queue.threshold or severity <= 3:
            self._delivery.drive()
            return True
        if state == FIRST:
            self._delivery.begin()
        return False

    emergency = make_level_method(0, "emergency", "the system is unusable")
    alert = make_level_method(1, "alert", "action must be taken immediately")
    critical = make_level_method(2, "critical", "critical conditions")
    error = make_level_method(3, "error", "error conditions")
    warning = make_level_method(4, "warning", "warning conditions")
    notice = make_level_method(5, "notice", "a normal but significant condition")
    info = make_level_method(6, "info", "informational")
    debug = make_level_method(7, "debug", "for debugging")
