"""From `emit` into the queue, in Python: the specification that `emitter.pxi` must match.

A record is encoded on the caller's thread, put into the queue, and left to the sender.
"""

import time

from syslogfast._encoder_py import Encoder
from syslogfast._message import (
    HAS_TEMPLATES,
    choose_arguments,
    describe_exception,
    format_message,
    is_template,
    read_any_message,
    read_template,
)
from syslogfast._options import name_element
from syslogfast._platform import call_at_fork, catch_up_with_fork
from syslogfast._structured_data import add_fields, add_number, number_elements
from syslogfast._timestamp import check_time
from syslogfast._validation import check_severity, find_option
from syslogfast.constants import (
    FIELDS,
    FIRST,
    FRAMING_SIZE,
    MAX_SEQUENCE_ID,
    NO_SPACE,
    PUT_TRIES,
    URGENT,
)
from syslogfast.transports.queue_py import ChangeLock, Queue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import LogRecord
    from typing import Any, TypeAlias

    from syslogfast._structured_data import TraceElement
    from syslogfast.transports.sender import Sender
    from syslogfast.types import StructuredData

    ExcInfo: TypeAlias = bool | BaseException | tuple[object, ...] | None  # as `logging` takes it

_forks = 0  # processes between the one that has loaded this and the present one


def note_fork() -> "None":
    global _forks
    _forks += 1


call_at_fork("counters", "after_in_child", note_fork)


NO_FIELDS: "tuple[dict[str, object], ...]" = ({},)

# The context variable of `bound`: a tuple with the fields for each record of a context. None until
# `_bound` is imported, which sets it.
_bound_fields: "Any" = None


def watch_bound(variable: "Any", /) -> "None":
    """Have each record get the fields in this context variable from now on."""
    global _bound_fields
    _bound_fields = variable


def make_level_method(severity: "int", name: "str", meaning: "str") -> "Callable[..., None]":
    """Return `emit` for one severity (RFC 5424 6.2.1, table 2)."""

    def send(
        self: "EmitterBase",
        message: "object",
        /,
        *args: "object",
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
        time_ns: "int | None" = None,
        exc_info: "ExcInfo" = None,
        **fields: "object",
    ) -> "None":
        EmitterBase.emit(
            self,
            severity,
            message,
            *args,
            msgid=msgid,
            structured_data=structured_data,
            time_ns=time_ns,
            exc_info=exc_info,
            **fields,
        )

    send.__name__ = name
    send.__qualname__ = f"EmitterBase.{name}"
    send.__doc__ = f"Send a record of severity {severity}: {meaning}."
    return send


class Sequence:
    """Numbers an originator's records, in the order in which they were emitted (RFC 5424 7.3.1).

    From 1 to 2,147,483,647, and again from 1; a process that was forked begins at 1. `element` and
    `name` are where the number stands: records of the flight recorder have numbers of their own.
    """

    __slots__ = ("_forks", "_last", "_lock", "element", "name")

    def __init__(self, element: "str" = "meta", name: "str" = "sequenceId", /) -> "None":
        self.element = element
        self.name = name
        self._begin()

    def _begin(self) -> "None":
        self._last, self._forks = 0, _forks
        self._lock = ChangeLock()  # whoever held another is not in this process

    def advance(self) -> "int":
        """Return the next number."""
        catch_up_with_fork()
        if self._forks != _forks:
            self._begin()
        with self._lock:  # nothing is called while it changes, as in Queue
            number = self._last = self._last % MAX_SEQUENCE_ID + 1
        return number

    def number(self, structured_data: "StructuredData | None") -> "StructuredData":
        """Return a record's structured data with the next number in them."""
        number = self.advance()
        if structured_data is None:
            return b'[%b %b="%d"]' % (self.element.encode(), self.name.encode(), number)
        return add_number(  # type: ignore[no-any-return]
            structured_data, number, self.element, self.name
        )


class EmitterBase:
    """Base class of Emitter: its hot-path methods."""

    __slots__ = (
        *("_dump_level", "_encoder", "_fields", "_fields_id", "_forks"),
        *("_level", "_queue", "_recorder", "_sender", "_sequence", "_trace"),
    )

    def __init__(
        self,
        encoder: "Encoder",
        queue: "Queue",
        sender: "Sender",
        sequence: "Sequence | None" = None,
        level: "int" = 7,
        fields: "dict[str, object] | None" = None,
        trace: "TraceElement | None" = None,
        recorder: "EmitterBase | None" = None,
        dump_level: "int" = -1,
    ) -> "None":
        catch_up_with_fork()  # then `_forks` is what the sender knows of
        self._encoder = encoder
        self._forks = _forks
        self._queue = queue
        self._sender = sender
        self._sequence = sequence
        self._level = level
        self._fields = fields  # of `bind`: they are in the encoder's structured data, too
        self._trace = trace
        self._recorder = recorder  # what gets the records below `level`
        self._dump_level = dump_level  # a record of this severity, or worse, has those sent
        self._fields_id: str | None = None  # the SD-ID of fields, once there were some

    def emit(
        self,
        severity: "int | str",
        message: "object",
        /,
        *args: "object",
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
        time_ns: "int | None" = None,
        exc_info: "ExcInfo" = None,
        **fields: "object",
    ) -> "None":
        """Send one record, unless its severity is below the `level` of `connect`.

        `severity`, `msgid`, `structured_data` and `time_ns` are those of `Encoder.encode`,
        and so are the errors that they raise; but structured data raise none: names that
        are wrong are made to fit. `message` may be anything: bytes and other buffers are
        UTF-8, all else is written as by str(); with `args` it is the template of a
        %-formatting, as in `logging`: if they do not fit, both are the text. What cannot
        be printed is named there. Of a t-string (PEP 750) each value is a field, too, named
        by its expression.

        exc_info: an exception, True for the one that is being handled, or what
        sys.exc_info() gives: its traceback stands after the message. fields: parameters of
        an element of structured data, fields@32473, or with the `enterprise_id` of
        `connect`; those that are None are left out.

        It waits only if overflow="block"; what becomes of the record is in `stats`.
        TypeError: a field is named like an option, but for underscores and case.
        """
        for name in fields:
            find_option(name)
        code = check_severity(severity)
        if code > self._level:
            if self._recorder is None:
                return
            self = self._recorder
        found = read_template(message) if HAS_TEMPLATES and not args else None
        if found:
            message, values = found
            values.update(fields)
            fields = values
        if exc_info is not None and exc_info is not False:
            message = describe_exception(message, args, exc_info)
        elif args:
            message = format_message(message, choose_arguments(args))
        if fields:
            structured_data = self._join_fields(structured_data, fields)
        text = read_any_message(message)
        if time_ns is None:
            time_ns = time.time_ns()
        else:
            check_time(time_ns)  # a wrong one takes no number of the sequence
        self._put(code, text, time_ns, msgid, structured_data)

    def emit_record(self, record: "LogRecord", message: "str | None" = None) -> "None":
        """Send a logging.LogRecord, as `Encoder.encode_record` encodes it.

        message: what to write instead of the record's own text; TypeError: it is no text. Nothing
        else raises.
        """
        try:
            encoded = self._get_encoder()._encode_record(record, message, self)
        except MemoryError:
            self._queue.drop("memory")
            return
        if encoded is not None:
            is_recorded = encoded[2] > self._level and self._recorder is not None
            (self._recorder if is_recorded else self)._put_frame(*encoded)  # type: ignore[union-attr]

    def emit_many(self, severity: "int | str", messages: "Iterable[object]") -> "None":
        """Send one record for each message, as `emit` does.

        The clock is read once for all that go out together.
        """
        code = check_severity(severity)
        if code > self._level:
            if self._recorder is None:
                return
            self = self._recorder
        now = None
        for message in messages:
            if HAS_TEMPLATES and is_template(message):
                self.emit(code, message)
                continue
            text = read_any_message(message)
            if now is None:
                now = time.time_ns()
            if self._put(code, text, now, None, None):
                now = None

    def _emit_lines(self, severity: "int | str", text: "bytes", start: "int" = 0, /) -> "int":
        """Send one record for each line of `text` from `start` on, as `emit_many` does.

        Return where it has ended: before a line for which the queue has no space, whatever
        `overflow` says, or behind the last one.
        """
        code = check_severity(severity)
        if code > self._level:
            if self._recorder is None:
                return len(text)
            self = self._recorder
        queue = self._queue
        most = self._get_encoder().max_size + FRAMING_SIZE
        now = None
        end = min(max(start, 0), len(text))
        while end < len(text) and not (queue.count and most > queue.limit - queue.size):
            start, end = end, text.find(b"\n", end)
            if end < 0:
                end = len(text)
            if now is None:
                now = time.time_ns()
            if self._put(code, text[start:end], now, None, None):
                now = None
            end = min(end + 1, len(text))
        return end

    def _join_fields(self, structured_data: "Any", fields: "dict[str, object]") -> "Any":
        """Return a record's structured data with its fields: bound, bind's, and its own."""
        joined: dict[str, object] = {}
        if _bound_fields is not None:
            joined.update(_bound_fields.get(NO_FIELDS)[0])
        joined.update(self._fields or {})
        joined.update(fields)
        if self._fields_id is None:
            self._fields_id = name_element(FIELDS, self._encoder._layout.enterprise_id)
        if structured_data is None:
            return {self._fields_id: joined}
        return add_fields(structured_data, self._fields_id, joined, self._encoder)

    def _join_bound(self, structured_data: "Any") -> "Any":
        """Return a record's structured data with the fields of the context, if there are some."""
        if _bound_fields is None or not _bound_fields.get(NO_FIELDS)[0]:
            return structured_data
        return self._join_fields(structured_data, {})

    def _get_encoder(self) -> "Encoder":
        """Return the encoder, made anew if this is a process that was forked since."""
        catch_up_with_fork()
        if self._forks != _forks:
            self._encoder, self._forks = self._encoder.replace(), _forks  # PROCID is another
        return self._encoder

    def _put(
        self,
        severity: "int",
        message: "str | bytes",
        time_ns: "int",
        msgid: "str | None",
        structured_data: "StructuredData | None",
    ) -> "bool":
        """Queue one record; return True if the sender has been called to send."""
        encoder = self._get_encoder()
        layout = encoder._layout
        try:
            data = self._join_bound(structured_data)
            if self._trace is not None:
                data = self._trace(data, self._encoder)
            if self._sequence is not None and data is None:
                data = self._sequence.number(None)
            elif self._sequence is not None:
                data = number_elements(data, self._sequence, layout.enterprise_id)
            data = layout.render_any_elements(data)
            frame, is_truncated = encoder._encode(severity, message, time_ns, msgid, data)
        except MemoryError:  # that the queue has; the compiled core encodes into its blocks
            self._queue.drop("memory")
            return True
        return self._put_frame(frame, is_truncated, severity)

    def _put_frame(self, frame: "bytes", is_truncated: "bool", severity: "int") -> "bool":
        """Queue what is encoded; return True if the sender has been called to send."""
        queue = self._queue
        if severity <= self._dump_level:
            self._recorder._sender.dump()  # type: ignore[union-attr]
        size = len(frame)
        tries = 0
        deadline: float | None = None
        while (state := queue.put(frame, is_truncated)) == NO_SPACE:
            if queue.lacks_memory:  # which waiting and dropping do not bring back
                queue.lacks_memory = False
                queue.drop("memory")
                return True
            if tries < PUT_TRIES and not queue.closed and size <= queue.limit:
                tries += 1
                deadline = self._sender.apply_overflow(size, deadline)
                if deadline is not None:
                    continue
            is_large = size > queue.largest
            queue.drop("closed" if queue.closed else "too large" if is_large else "full")
            return True
        if queue.size >= queue.threshold or severity <= URGENT:
            self._sender.pump()
            return True
        if state == FIRST:
            self._sender.start_lingering()
        return False

    if TYPE_CHECKING:  # what `make_level_method` returns, whose parameters no checker finds there

        def emergency(
            self,
            message: object,
            /,
            *args: object,
            msgid: str | None = None,
            structured_data: StructuredData | None = None,
            time_ns: int | None = None,
            exc_info: ExcInfo = None,
            **fields: object,
        ) -> None:
            """Send a record of the severity that has this name, as `emit` does."""

        alert = critical = error = warning = notice = info = debug = emergency
    else:
        emergency = make_level_method(0, "emergency", "the system is unusable")
        alert = make_level_method(1, "alert", "action must be taken immediately")
        critical = make_level_method(2, "critical", "critical conditions")
        error = make_level_method(3, "error", "error conditions")
        warning = make_level_method(4, "warning", "warning conditions")
        notice = make_level_method(5, "notice", "a normal but significant condition")
        info = make_level_method(6, "info", "informational")
        debug = make_level_method(7, "debug", "for debugging")
