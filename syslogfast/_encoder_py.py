"""The encoder in Python: the specification that `_encoder_c.pyx` must match byte for byte.

It and what it imports keep to what MicroPython also runs: no typing, enum or re at run time, no
codec `errors=`. `_timestamp`, `_text` and `_structured_data` hold the parts of a record.
"""

import struct
import time

from syslogfast._checks import (
    check_choice,
    check_facility,
    check_field,
    check_max_size,
    check_precision,
    check_prefix,
    check_severity,
    reject_buffer,
    reject_change,
    reject_message,
    reject_messages,
    reject_offset,
    reject_room,
)
from syslogfast._identity import clean_msgid, render_fields
from syslogfast._structured_data import join_elements, render_elements
from syslogfast._text import BOM, ESCAPES, encode_text, read_text
from syslogfast._timestamp import FORMS, check_time, choose_renderer, is_writable
from syslogfast.constants import (
    CONTROLS,
    FRAMINGS,
    MAX_MSGID,
    MAX_SIZE,
    MAX_SIZE_RFC3164,
    NILVALUE,
    PROTOCOLS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    Buffer: TypeAlias = "bytes | bytearray | memoryview"
    Parameters: TypeAlias = "Mapping[str, object] | Sequence[tuple[str, object]]"
    StructuredData: TypeAlias = "Mapping[str, Parameters] | bytes"


def format_timestamp(
    time_ns: "int | None" = None,
    *,
    protocol: "str" = "rfc5424",
    local_time: "bool | None" = None,
    precision: "int" = 6,
) -> "str":
    """Return the TIMESTAMP field of a record.

    `time_ns` is in nanoseconds since the epoch; None reads the clock. `protocol` is "rfc5424"
    (RFC 5424 6.2.3), "rfc3164" or "local" (RFC 3164 4.1.2). `local_time` None means UTC for
    RFC 5424 and local time for the others. `precision` is the number of digits after the
    second, 0 to 6; what is beyond is cut off, not rounded. A time outside the years 0001 to
    9999, NaN and the infinities give "-" in RFC 5424 and the present time in the others.

    TypeError: `time_ns` or `precision` is not an int. ValueError: `protocol` or `precision` is
    not one of those above.

    >>> format_timestamp(1_065_910_455_003_000_000)
    '2003-10-11T22:14:15.003000Z'
    >>> format_timestamp(1_065_910_455_003_000_000, precision=0)
    '2003-10-11T22:14:15Z'
    >>> format_timestamp(1_065_910_455_003_000_000, protocol="rfc3164", local_time=False)
    'Oct 11 22:14:15'
    """
    check_choice("protocol", protocol, PROTOCOLS)
    precision = check_precision(precision)
    if local_time is None:
        local_time = protocol != "rfc5424"
    return choose_renderer(protocol)(time_ns, FORMS[bool(local_time), precision]).decode()


def measure_buffer(buffer: "object") -> "int":
    """Return the size of a writable, contiguous buffer, in bytes."""
    if isinstance(buffer, bytearray):
        return len(buffer)
    try:
        view = memoryview(buffer)  # type: ignore[arg-type]
    except TypeError:
        reject_buffer(buffer)
    if view.readonly or not view.c_contiguous:
        reject_buffer(buffer)
    return view.nbytes


def store(buffer: "object", offset: "object", data: "bytes") -> "int":
    """Write `data` at `offset` and return where it ends; only a bytearray grows."""
    size = measure_buffer(buffer)
    if not isinstance(offset, int) or not 0 <= offset <= size:
        reject_offset(offset, size)
    end = offset + len(data)
    if isinstance(buffer, bytearray):
        buffer[offset:end] = data
    elif end > size:
        reject_room(len(data), size - offset)
    else:
        struct.pack_into(f"{len(data)}s", buffer, offset, data)  # type: ignore[arg-type]
    return end


class Encoder:
    """Turns messages of one identity into syslog records.

    All that is constant is rendered here, once; an encoder never changes and may be shared by
    any number of threads.

    protocol: "rfc5424", "rfc3164", or "local", which is what syslog(3) writes to /dev/log:
        RFC 3164 without HOSTNAME. Neither of the last two has a place for MSGID,
        STRUCTURED-DATA and BOM: there, they are left out.
    facility: 0 to 23, a Facility, or a keyword such as "local0" (RFC 5424 6.2.1).
    hostname, app_name, procid: str; procid may be an int. None: this host, this program, this
        process. Octets that the field cannot hold become "_", the excess is cut off, and
        nothing at all becomes "-" (RFC 5424 6.2.4 to 6.2.6).
    msgid: str, treated likewise; None: "-" (RFC 5424 6.2.7).
    structured_data: {sd_id: {name: value}}, or {sd_id: [(name, value), ...]} to repeat a name,
        with values of any type, written as by str(); or bytes that are already rendered, which
        are trusted (RFC 5424 6.3).
    framing: None for datagrams; "octet" puts the octet count before the record (RFC 6587
        3.4.1, RFC 5425 4.3); "lf" and "nul" put that delimiter after it (RFC 6587 3.4.2).
    local_time: None means UTC for RFC 5424 and local time for the others.
    precision: digits after the second in RFC 5424, 0 to 6.
    controls: "escape" writes control characters as "#ooo", in octal, one for each octet;
        "keep" leaves them, but for the delimiter of the framing.
    bom: True puts a BOM before the message, to state that it is UTF-8 (RFC 5424 6.4).
    max_size: the most bytes of a record, from the prefix to the end of the message; None: 1024
        for RFC 3164 (its section 4.1), 8192 for the others. The message is cut, at a character;
        if that is not enough, STRUCTURED-DATA is left out.
    prefix: bytes before the record, such as a log service's token.

    TypeError: an argument of the wrong kind. ValueError: one that is out of its range.

    >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42)
    >>> encoder.encode("info", "sold out", time_ns=1_065_910_455_003_000_000)
    b'<14>1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out'
    """

    __slots__ = (
        "_bom",
        "_elements",
        "_escapes",
        "_fields",
        "_form",
        "_framing",
        "_lead",
        "_max_size",
        "_msgid",
        "_options",
        "_param_escapes",
        "_protocol",
        "_starts",
        "_tail",
        "_timestamp",
    )

    def __init__(
        self,
        *,
        protocol: "str" = "rfc5424",
        facility: "int | str" = "user",
        hostname: "str | None" = None,
        app_name: "str | None" = None,
        procid: "str | int | None" = None,
        msgid: "str | None" = None,
        structured_data: "StructuredData | None" = None,
        framing: "str | None" = None,
        local_time: "bool | None" = None,
        precision: "int" = 6,
        controls: "str" = "escape",
        bom: "bool" = False,
        max_size: "int | None" = None,
        prefix: "bytes" = b"",
    ) -> "None":
        if hasattr(self, "_tail"):
            reject_change()
        check_choice("protocol", protocol, PROTOCOLS)
        check_choice("framing", framing, FRAMINGS)
        check_choice("controls", controls, CONTROLS)
        self._options: dict[str, Any] = {
            "protocol": protocol,
            "facility": facility,
            "hostname": hostname,
            "app_name": app_name,
            "procid": procid,
            "msgid": msgid,
            "structured_data": structured_data,
            "framing": framing,
            "local_time": local_time,
            "precision": precision,
            "controls": controls,
            "bom": bom,
            "max_size": max_size,
            "prefix": prefix,
        }
        self._protocol = protocol
        lowest = check_facility(facility) * 8
        version = "1 " if protocol == "rfc5424" else ""
        start = check_prefix(prefix)
        # RFC 5424 6.2.1: PRI = "<" PRIVAL ">", without leading zeros
        self._starts = [start + f"<{lowest + code}>{version}".encode() for code in range(8)]
        self._timestamp = choose_renderer(protocol)
        precision = check_precision(precision)
        self._fields = render_fields(protocol, hostname, app_name, procid)
        self._msgid = NILVALUE if msgid is None else clean_msgid(check_field("msgid", msgid))
        self._framing = framing
        local_time = protocol != "rfc5424" if local_time is None else bool(local_time)
        self._form = FORMS[local_time, precision]
        rule = controls if controls == "escape" else framing
        self._escapes, self._param_escapes = ESCAPES[rule]
        self._bom = bool(bom) and protocol == "rfc5424"
        # RFC 5424 6: [SP MSG], where MSG-UTF8 = BOM UTF-8-STRING (6.4).
        self._lead = b" \xef\xbb\xbf" if self._bom else b" " if protocol == "rfc5424" else b""
        if max_size is None:
            max_size = MAX_SIZE_RFC3164 if protocol == "rfc3164" else MAX_SIZE
        self._max_size = check_max_size(max_size, self._measure_longest_header(precision))
        self._elements = b""
        if structured_data is not None:
            self._elements = render_elements(structured_data, self._param_escapes)
        if len(self._elements) > self._max_size:
            self._elements = b""  # no record holds it
        self._tail = self._join_tail(self._msgid, self._elements)

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

        `severity` is 0 to 7, a Severity, or a keyword such as "err". `message` is a str or a
        buffer that holds UTF-8; what is ill-formed in it, lone surrogates too, becomes U+FFFD.
        `time_ns` is in nanoseconds since the epoch; None reads the clock. `msgid` replaces the
        encoder's; `structured_data` replaces its elements of the same SD-ID and joins the rest.

        TypeError: an argument of the wrong kind. ValueError: a severity, SD-ID or PARAM-NAME
        that is out of its range.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="octet")
        >>> encoder.encode(6, "sold\\nout", time_ns=0, structured_data={"a@1": {"n": '"'}})
        b'73 <14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - [a@1 n="\\\\""] sold#012out'
        """
        if type(severity) is not int or not 0 <= severity <= 7:
            severity = check_severity(severity)
        timestamp = self._timestamp(time_ns, self._form)
        tail = self._tail
        if msgid is not None or structured_data is not None:
            tail = self._render_tail(msgid, structured_data)
        header = self._starts[severity] + timestamp + tail
        room = self._max_size - len(header)
        if room < 0 and room < -len(self._lead):
            header = self._starts[severity] + timestamp + self._render_tail(msgid, None, drop=True)
            room = self._max_size - len(header)
        if type(message) is not str or self._bom:
            message = self._read_message(message)
        data = encode_text(message, self._escapes, room)
        # Of a message of which nothing fits, no trace is left.
        record = header + data if data else header[: len(header) - len(self._lead)]
        if self._framing is None:
            return record
        if self._framing == "octet":
            return f"{len(record)} ".encode() + record  # RFC 6587 3.4.1: MSG-LEN SP SYSLOG-MSG
        return record + (b"\n" if self._framing == "lf" else b"\0")

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

        A bytearray grows as needed; any other writable, contiguous buffer must have room. What
        follows the record stays as it is, and so does the whole buffer when the call fails.
        The other arguments are those of `encode`.

        TypeError: an argument of the wrong kind. ValueError: `offset` is outside the buffer, or
        as in `encode`. BufferError: no room, or a bytearray that cannot grow while it is
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
        messages: "Sequence[str | Buffer]",
        offset: "int" = 0,
        *,
        time_ns: "int | None" = None,
    ) -> "tuple[int, int]":
        """Write a record for each message of a list or tuple, one after the other.

        Return where the last one ends and how many fitted: all of them in a bytearray, which
        grows; in any other buffer those that have room. All have the same time; None reads the
        clock once. The other arguments, and the errors, are those of `encode_into`.

        >>> encoder = Encoder(hostname="web1", app_name="shop", procid=42, framing="lf")
        >>> encoder.encode_many_into(memoryview(bytearray(120)), "info", ["a", "b", "c"])
        (106, 2)
        """
        check_severity(severity)
        moment = time.time_ns() if time_ns is None else check_time(time_ns)
        if time_ns is None:
            time_ns = moment
        elif self._protocol != "rfc5424" and not is_writable(moment, self._form.local_time):
            time_ns = time.time_ns()  # RFC 3164 has no NILVALUE: it is the present time, for all
        if not isinstance(messages, (list, tuple)):
            reject_messages(messages)
        size = measure_buffer(buffer)
        if not isinstance(offset, int) or not 0 <= offset <= size:
            reject_offset(offset, size)
        room = None if isinstance(buffer, bytearray) else size - offset
        records = []
        for message in messages:
            record = self.encode(severity, message, time_ns=time_ns)
            if room is not None:
                room -= len(record)
                if room < 0:
                    break
            records.append(record)
        return store(buffer, offset, b"".join(records)), len(records)

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
        start = self._starts[check_severity(severity)]
        start += self._timestamp(time_ns, self._form)
        header = start + self._render_tail(msgid, structured_data)
        if len(header) > self._max_size:
            header = start + self._render_tail(msgid, None, drop=True)
        return header

    def replace(self, **changes: "Any") -> "Encoder":
        """Return another encoder with these options changed.

        >>> Encoder(hostname="web1", app_name="shop", procid=1).replace(app_name="till", procid=2)
        Encoder(protocol='rfc5424', facility='user', hostname='web1', app_name='till', procid=2)
        """
        return type(self)(**dict(self._options, **changes))

    def __reduce__(self) -> "tuple[Any, ...]":
        """Copies and pickles hold the options: where they are read, all is rendered anew."""
        from functools import partial

        return partial(type(self), **self._options), ()

    def __repr__(self) -> "str":
        """Prefix and structured data stay out of it: they may hold a token."""
        shown = ("protocol", "facility", "hostname", "app_name", "procid")
        options = ", ".join([f"{name}={self._options[name]!r}" for name in shown])
        return f"{type(self).__name__}({options})"

    def _measure_longest_header(self, precision: "int") -> "int":
        size = len(self._starts[7]) + len(self._fields)
        if self._protocol != "rfc5424":
            return size + len("Mmm dd hh:mm:ss")
        size += len("yyyy-mm-ddThh:mm:ss") + (precision + 1 if precision else 0)
        size += len("+hh:mm") if self._form.local_time else len("Z")
        return size + MAX_MSGID + len(" -") + len(self._lead)

    def _join_tail(self, msgid: "str", elements: "bytes") -> "bytes":
        """Return what stands between TIMESTAMP and the text of the message."""
        if self._protocol != "rfc5424":
            return self._fields.encode()
        return f"{self._fields}{msgid} ".encode() + (elements or b"-") + self._lead

    def _render_tail(
        self, msgid: "str | None", structured_data: "StructuredData | None", drop: "bool" = False
    ) -> "bytes":
        """Return the tail with what one record brings, or without any structured data."""
        msgid = self._msgid if msgid is None else clean_msgid(check_field("msgid", msgid))
        elements = b"" if drop else self._elements
        if structured_data is not None:
            given = render_elements(structured_data, self._param_escapes)
            elements = join_elements(elements, given)
        return self._join_tail(msgid, elements)

    def _read_message(self, message: "object") -> "str":
        text = read_text(message)
        if text is None:
            reject_message(message)
        if not self._bom:
            return text
        start = 0
        while text[start : start + 1] == BOM:  # it is written anyway, and once is enough
            start += 1
        return text[start:]
