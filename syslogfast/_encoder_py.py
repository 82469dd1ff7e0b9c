"""The encoder in Python: the specification that `_c/_encoder_c.pyx` must match byte for byte.

It and what it imports keep to what MicroPython also runs: no typing, enum or re at run time, no
codec `errors=`. `_timestamp`, `_text` and `_structured_data` hold the parts of a record.
"""

import time

from syslogfast._layout import OptionsSignature, SharedLayout, measure_buffer, store
from syslogfast._message import (
    choose_severity,
    read_attribute,
    read_created,
    read_record_text,
)
from syslogfast._options import (
    Settings,
    describe_options,
    read_back,
    reduce_options,
    restore_names,
)
from syslogfast._text import truncate_text
from syslogfast._timestamp import check_time, format_timestamp, is_writable
from syslogfast._validation import (
    check_offset,
    check_severity,
    is_a,
    reject_change,
    reject_messages,
)
from syslogfast.constants import IDENTITY, SEVERITIES

__all__ = ["Encoder", "RecordFormatter", "format_timestamp"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, Never, TypeAlias, TypeVar, Unpack

    from syslogfast._emitter_py import EmitterBase
    from syslogfast.types import Controls, EncoderOptions, Framing, Protocol, StructuredData

    Buffer: TypeAlias = bytes | bytearray | memoryview
    Message = TypeVar("Message", bound=str | Buffer)


class Encoder:
    """Turns messages of one identity into syslog records.

    All that is constant is rendered here, once; an encoder never changes and may be shared by
    any number of threads.

    protocol: "rfc5424", "rfc3164", or "local", which is what syslog(3) writes to /dev/log:
        RFC 3164 without HOSTNAME. Neither of the last two has a place for MSGID,
        STRUCTURED-DATA and BOM: there, they are left out.
    facility: 0 to 23, a Facility, or a keyword in any case, as "LOG_LOCAL0" (RFC 5424 6.2.1).
    hostname, app_name, procid: str; procid may be an int. None: this host, this program, this
        process. Octets that the field cannot hold become "_", the rest is left out, and
        nothing at all becomes "-" (RFC 5424 6.2.4 to 6.2.6).
    fqdn: True looks up this host's full name, if no hostname is given, which may take as long as
        DNS does; and keeps the domain of one that is, though RFC 3164 4.1.2 forbids that.
    msgid: str, treated likewise; None: "-" (RFC 5424 6.2.7).
    structured_data: {sd_id: {name: value}}, or {sd_id: [(name, value), ...]} to repeat a name,
        with values of any type, written as by str(); or bytes that are already rendered, which
        are trusted (RFC 5424 6.3).
    framing: None for datagrams; "octet" puts the octet count before the record (RFC 6587
        3.4.1, RFC 5425 4.3); "lf" and "nul" put that delimiter after it (RFC 6587 3.4.2).
    local_time: None means UTC for RFC 5424 and local time for the others.
    precision: digits after the second in RFC 5424, 0 to 6.
    controls: "escape" writes control characters, and those of direction (U+202A-E, U+2066-9), as
        "#ooo", in octal, one for each octet, and leaves out line ends at the end of a message;
        "keep" leaves all as they are, but for the delimiter of the framing.
    bom: True puts a BOM before the message, to state that it is UTF-8 (RFC 5424 6.4).
    max_size: the most bytes of a record, from the prefix to the end of the message; None: 1024
        for RFC 3164 (its section 4.1), 8192 for the others. The message is truncated, at a
        character; if that is not enough, the record's own STRUCTURED-DATA is left out, then all of
        it.
    prefix: bytes before the record, such as a log service's token.
    attributes: {sd_id: {name: attribute}}, what `encode_record` takes from a LogRecord into
        structured data, or {sd_id: "extra"}: all its `extra`. What it lacks, or None, is left out.
    header_attributes: {field: attribute}, or {field: [attribute, ...]}: what `encode_record` takes
        from a LogRecord as its hostname, app_name, procid or msgid. The first attribute counts that
        the record has, and that is not None; without one, the field is what it is otherwise.
    enterprise_id: int or str, the number of SD-IDs without one, but for IANA's (RFC 5424 7.2.2).

    TypeError: an argument of the wrong kind. ValueError: one that is out of its range.

    >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42)
    >>> encoder.encode("info", "sold out", time_ns=1_065_910_455_003_000_000)
    b'<14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out'
    """

    __slots__ = ("_given", "_hot", "_identity_size", "_layout", "_names", "_suffix")
    __signature__ = OptionsSignature()

    def __init__(
        self,
        *,
        protocol: "Protocol" = "rfc5424",
        facility: "int | str" = "user",
        hostname: "str | None" = None,
        app_name: "str | None" = None,
        procid: "str | int | None" = None,
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
        framing: "Framing" = None,
        local_time: "bool | None" = None,
        precision: "int" = 6,
        controls: "Controls" = "escape",
        bom: "bool" = False,
        max_size: "int | None" = None,
        prefix: "bytes" = b"",
        attributes: "Mapping[str, Mapping[str, str] | Literal['extra']] | None" = None,
        header_attributes: "Mapping[str, str | Sequence[str]] | None" = None,
        enterprise_id: "int | str | None" = None,
        fqdn: "bool" = False,
        **unknown: "Never",
    ) -> "None":
        if hasattr(self, "_suffix"):
            reject_change()
        given: dict[str, Any] = dict(
            unknown,
            protocol=protocol,
            facility=facility,
            hostname=hostname,
            app_name=app_name,
            procid=procid,
            msgid=msgid,
            structured_data=structured_data,
            framing=framing,
            local_time=local_time,
            precision=precision,
            controls=controls,
            bom=bom,
            max_size=max_size,
            prefix=prefix,
            attributes=attributes,
            header_attributes=header_attributes,
            enterprise_id=enterprise_id,
            fqdn=fqdn,
        )
        settings = Settings(given)
        self._keep_names(settings.names, settings.identity_fields)
        layout = self._layout = SharedLayout(settings)
        self._hot = layout.hot
        self._suffix = layout.join_suffix(settings.identity_fields, settings.msgid, layout.elements)

    def encode(
        self,
        severity: "int | str",
        message: "str | Buffer",
        *,
        time_ns: "int | None" = None,
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
    ) -> "bytes":
        """Return one record, framed.

        `severity` is 0 to 7, a Severity, or a keyword in any case, such as "err". `message` is a
        str or a buffer of UTF-8; what is ill-formed in it, lone surrogates too, becomes U+FFFD.
        `time_ns` is in nanoseconds since the epoch; None reads the clock. `msgid` replaces the
        encoder's; `structured_data` replaces its elements of the same SD-ID and joins the rest.

        TypeError: an argument of the wrong kind. ValueError: a severity, SD-ID or PARAM-NAME
        that is out of its range.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="octet")
        >>> encoder.encode(6, "sold\\nout", time_ns=0, structured_data={"a@1": {"n": '"'}})
        b'73 <14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - [a@1 n="\\\\""] sold#012out'
        """
        return self._encode(severity, message, time_ns, msgid, structured_data)[0]

    def encode_into(
        self,
        buffer: "bytearray | memoryview",
        severity: "int | str",
        message: "str | Buffer",
        offset: "int" = 0,
        *,
        time_ns: "int | None" = None,
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
    ) -> "int":
        """Write one record, framed, into `buffer` at `offset` and return where it ends.

        A bytearray grows as needed; any other writable, contiguous buffer must have space. What
        follows the record stays as it is, and so does the whole buffer when the call fails.
        The other arguments are those of `encode`.

        TypeError: an argument of the wrong kind. ValueError: `offset` is outside the buffer, or
        as in `encode`. BufferError: no space, or a bytearray that cannot grow while it is
        exported.

        >>> buffer = bytearray()
        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="lf")
        >>> end = encoder.encode_into(buffer, "info", "opened", time_ns=0)
        >>> end = encoder.encode_into(buffer, "info", "closed", end, time_ns=0)
        >>> end, buffer[:55]
        (116, bytearray(b'<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - open'))
        """
        record = self.encode(
            severity, message, time_ns=time_ns, msgid=msgid, structured_data=structured_data
        )
        return store(buffer, offset, record)

    def encode_many_into(
        self,
        buffer: "bytearray | memoryview",
        severity: "int | str",
        messages: "list[Message] | tuple[Message, ...]",
        offset: "int" = 0,
        *,
        time_ns: "int | None" = None,
    ) -> "tuple[int, int]":
        """Write a record for each message of a list or tuple, one after the other.

        Return where the last one ends and how many fitted: all of them in a bytearray, which
        grows; in any other buffer those that have space. All have the same time; None reads the
        clock once. The other arguments, and the errors, are those of `encode_into`.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="lf")
        >>> encoder.encode_many_into(memoryview(bytearray(120)), "info", ["a", "b", "c"])
        (106, 2)
        """
        layout = self._layout
        check_severity(severity)
        known = time.time_ns() if time_ns is None else check_time(time_ns)
        if time_ns is None:
            time_ns = known
        elif layout.protocol != "rfc5424" and not is_writable(
            known, layout.timestamp_format.local_time
        ):
            time_ns = time.time_ns()  # RFC 3164 has no NILVALUE: it is the present time, for all
        if not is_a(messages, list, tuple):
            reject_messages(messages)
        texts = list(messages)  # it may change meanwhile
        size = measure_buffer(buffer)
        start = check_offset(offset, size)
        space = None if is_a(buffer, bytearray) else size - start
        records = []
        for message in texts:
            record, _ = self._encode(severity, message, time_ns, None, None)
            if space is not None:
                space -= len(record)
                if space < 0:
                    break
            records.append(record)
        return store(buffer, start, b"".join(records)), len(records)

    def encode_record(self, record: "logging.LogRecord", message: "str | None" = None) -> "bytes":
        """Return one record, framed, that says what a logging.LogRecord says.

        Its message comes with its exception and stack; `message` stands for all three. It has
        the record's own time and, unless `procid` was given, the record's own process. A level
        is of the severity whose level it reaches: 10 debug, 20 info, 25 notice, 30 warning, 40
        err, 50 crit, 60 alert, 70 emerg. `record.msgid` and `record.structured_data`, which
        `extra` sets, are those of `encode`.

        Nothing in it raises an Exception: arguments that do not fit stand in the text, a `__str__`
        that raises is named there, and wrong names of structured data are made to fit.

        >>> import logging
        >>> record = logging.makeLogRecord({"msg": "%d sold", "args": (3,), "levelno": 25})
        >>> record.created = 1_065_910_455.003
        >>> Encoder(hostname="web1", app_name="shop", procid=42).encode_record(record)
        b'<13>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - 3 sold'
        """
        return self._encode_record(record, message, None)[0]  # type: ignore[index]  # no emitter

    def header(
        self,
        severity: "int | str",
        *,
        time_ns: "int | None" = None,
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
    ) -> "bytes":
        """Return all that precedes the message: prefix, header, STRUCTURED-DATA, SP and BOM.

        It is for writing a long message without copying it, by `os.writev` or `socket.sendmsg`.
        The caller then sees to the framing, the size and what is in the message. The arguments
        and errors are those of `encode`.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42)
        >>> encoder.header("info", time_ns=0)
        b'<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - '
        """
        layout = self._layout
        start = layout.starts[check_severity(severity)]
        start += layout.timestamp(time_ns, layout.timestamp_format)
        header = start + layout.render_suffix(self._get_fields(), msgid, structured_data)
        if len(header) > layout.max_size:
            header = start + layout.render_shorter_suffix(
                self._get_fields(), msgid, space=layout.max_size - len(start)
            )
        return header

    def replace(self, **changes: "Unpack[EncoderOptions]") -> "Encoder":
        """Return another encoder with these options changed.

        >>> Encoder(hostname="web1", app_name="shop", procid=1).replace(app_name="till", procid=2)
        Encoder(protocol='rfc5424', facility='user', hostname='web1', app_name='till', procid=2)
        """
        sibling = type(self)(**dict(self._list_options(), **changes))
        if not [name for name in changes if name not in IDENTITY]:  # siblings share what they can
            sibling._layout, sibling._hot = self._layout, self._hot
        return sibling

    @property
    def max_size(self) -> "int":
        """The most bytes that a record can have, without octet count and delimiter."""
        return self._layout.max_size

    def __reduce__(self) -> "tuple[Any, ...]":
        """Copies and pickles hold the options: where they are read, all is rendered anew."""
        return reduce_options(type(self), self._list_options())

    def __repr__(self) -> "str":
        """Prefix and structured data stay out of it: they may hold a token."""
        return describe_options(type(self), self._list_options())

    def _keep_names(self, names: "tuple[Any, Any, Any]", fields: "str") -> "None":
        """Keep what `replace` has to know, if it cannot be read from the suffix."""
        self._identity_size = len(fields)
        protocol_has_them = fields.endswith(" ") and fields.count(" ") == 4
        self._given = read_back(names, fields) if protocol_has_them else -1
        self._names = names if self._given < 0 else None

    def _list_names(self) -> "tuple[Any, Any, Any]":
        """Return hostname, app_name and procid as they were given."""
        return self._names or restore_names(self._given, self._get_fields())

    def _get_fields(self) -> "str":
        return self._suffix[: self._identity_size].decode()

    def _encode(
        self,
        severity: "int | str",
        message: "object",
        time_ns: "int | None",
        msgid: "str | None",
        structured_data: "StructuredData | None",
    ) -> "tuple[bytes, bool]":
        """Return one record, framed, and whether some of its message or data is left out."""
        if type(severity) is not int or not 0 <= severity <= 7:
            code = SEVERITIES.get(severity) if type(severity) is str else None
            severity = check_severity(severity) if code is None else code
        starts, render_timestamp, time_format, max_size, separator, escapes, framing = self._hot
        # RFC 5424 6: HEADER SP STRUCTURED-DATA [SP MSG]; RFC 3164 4: PRI HEADER MSG
        start = starts[severity] + render_timestamp(time_ns, time_format)
        suffix = self._suffix
        if msgid is not None or structured_data is not None:
            suffix = self._layout.render_suffix(self._get_fields(), msgid, structured_data)
        header = start + suffix
        space = max_size - len(header)
        is_truncated = False
        if space < 0 and space < -len(separator):
            shorter = start + self._layout.render_shorter_suffix(
                self._get_fields(), msgid, space=max_size - len(start) + len(separator)
            )
            is_truncated = len(shorter) < len(header)
            header = shorter
            space = max_size - len(header)
        if type(message) is not str or len(separator) > 1:
            message = self._layout.read_message(message)
        if message[-1:] in escapes.line_ends:
            message = message.rstrip("\r\n")  # as collectors do, and `print` and `write` give it
        data = None
        if len(message) <= space:
            try:  # what most are, without a look at each character
                data = message.encode()
                if len(data) > space or data.translate(escapes.needs_escape) != data:
                    data = None
            except (UnicodeError, AttributeError):
                data = None  # a lone surrogate; MicroPython has no translate
        if data is None:
            data, has_more = truncate_text(message, escapes, space)
            is_truncated = is_truncated or has_more
        # Of a message of which nothing fits, no trace is left.
        record = header + data if data else header[: len(header) - len(separator)]
        if framing == "octet":
            record = f"{len(record)} ".encode() + record  # RFC 6587 3.4.1: MSG-LEN SP SYSLOG-MSG
        elif framing is not None:
            record += b"\n" if framing == "lf" else b"\0"  # RFC 6587 3.4.2
        return record, is_truncated

    def _encode_record(
        self, record: "logging.LogRecord", message: "str | None", emitter: "EmitterBase | None"
    ) -> "tuple[bytes, bool, int] | None":
        """Return what `_encode` does of a LogRecord, and its severity.

        emitter: the one that adds its number and fields, or has its recorder do so. None: its level
        leaves the record out.
        """
        severity = choose_severity(read_attribute(record, "levelno"))
        if emitter is not None and severity > emitter._level:
            emitter = emitter._recorder
            if emitter is None:
                return None
        text = read_record_text(record) if message is None else message
        own = self._layout.read_header_fields(record)
        encoder = self._encoder_for_fields(own, record)
        time_ns: Any = read_created(read_attribute(record, "created"))
        elements = self._layout.render_record_elements(record, emitter)
        # Not a subclass's, who knows what that takes.
        frame, is_truncated = Encoder._encode(encoder, severity, text, time_ns, own[3], elements)
        return frame, is_truncated, severity

    def _list_options(self) -> "dict[str, Any]":
        """Return all options as they were given."""
        options = dict(self._layout.options)
        options["hostname"], options["app_name"], options["procid"] = self._list_names()
        return options

    def _encoder_for_fields(self, own: "list[str | None]", record: "Any") -> "Encoder":
        """Return an encoder for a record with header fields, or a process, of its own."""
        layout = self._layout
        if own[2] is None:
            process = layout.read_other_process(record)
            if process is not None and self._list_names()[2] is None:
                own[2] = process
        fields = layout.render_own_fields(own, self._get_fields())
        if fields is None:
            return self
        other = object.__new__(Encoder)
        other._identity_size, other._layout, other._hot = len(fields), layout, layout.hot
        other._suffix = layout.join_suffix(fields, layout.msgid, layout.elements)
        return other


class RecordFormatter:
    """Base class of Formatter: its hot-path methods."""

    def __init__(self, encoder: "Encoder", pri: "bool", is_plain: "bool") -> "None":
        self._encoder = encoder
        self._pri = pri
        self._is_plain = is_plain

    def format(self, record: "logging.LogRecord") -> "str":
        """Return a LogRecord as a syslog record, without PRI unless that was asked for."""
        message = None if self._is_plain else self.format_text(record)
        text = self._encoder.encode_record(record, message).decode("utf-8", "replace")
        return text if self._pri else text[text.index(">") + 1 :]

    def format_text(self, record: "logging.LogRecord") -> "str":
        """Return the text after the header, where that is not simply the record's."""
        raise NotImplementedError
