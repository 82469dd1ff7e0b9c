"""What 10,000 encoders share, for the twin; in C, `record.pxd` has it in the Layout of each.

So, too, the header fields of a record of `logging`, and the buffer that a caller has for records;
`own_fields.pxi` and `buffer.pxi` are the same in C.
"""

import struct

from syslogfast._message import (
    HAS_TEMPLATES,
    print_value,
    read_attribute,
    read_template_fields,
)
from syslogfast._options import (
    OPTIONS,
    clean_msgid,
    clean_names,
    join_fields,
    remove_domain,
    this_process,
)
from syslogfast._structured_data import (
    clean_elements,
    join_attributes,
    join_elements,
    number_elements,
    render_elements,
)
from syslogfast._text import ESCAPES, read_text
from syslogfast._timestamp import TIMESTAMP_FORMATS, choose_renderer
from syslogfast._validation import (
    NoSpace,
    check_field,
    check_offset,
    is_a,
    read_int,
    reject_buffer,
    reject_message,
    reject_space,
)
from syslogfast.constants import BOM, HEADER_FIELDS, NILVALUE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from syslogfast._emitter_py import EmitterBase
    from syslogfast._options import Settings
    from syslogfast._text import Escapes
    from syslogfast._timestamp import Renderer, TimestampFormat
    from syslogfast.types import StructuredData

    Hot: TypeAlias = (
        "tuple[list[bytes], Renderer, TimestampFormat, int, bytes, Escapes, str | None]"
    )


class SharedLayout:
    """What an encoder has in common with its siblings, who differ in their names alone."""

    __slots__ = (
        "bom",
        "elements",
        "enterprise_id",
        "escapes",
        "framing",
        "header_attributes",
        "hot",
        "max_size",
        "msg_separator",
        "msgid",
        "options",
        "param_escapes",
        "process",
        "protocol",
        "space",
        "starts",
        "timestamp",
        "timestamp_format",
    )

    def __init__(self, settings: "Settings") -> "None":
        self.options = settings.options
        self.protocol: str = self.options["protocol"]
        version = "1 " if self.protocol == "rfc5424" else ""
        # RFC 5424 6.2.1: PRI = "<" PRIVAL ">", without leading zeros
        self.starts = [
            settings.prefix + f"<{settings.lowest_priority + code}>{version}".encode()
            for code in range(8)
        ]
        self.timestamp = choose_renderer(self.protocol)
        self.timestamp_format = TIMESTAMP_FORMATS[settings.local_time, settings.precision]
        self.process = this_process()
        self.msgid = settings.msgid
        self.framing = self.options["framing"]
        self.escapes, self.param_escapes = ESCAPES[settings.rule]
        self.msg_separator = settings.msg_separator
        self.bom = len(settings.msg_separator) > 1
        self.max_size = settings.max_size
        # What the names may take, and the message, if there is no more in the header than can be.
        self.space = settings.space
        self.elements = b""
        self.enterprise_id = settings.enterprise_id.decode()
        if self.options["structured_data"] is not None:
            self.elements = self.render_elements(self.options["structured_data"])
        if len(self.elements) > self.max_size:
            self.elements = b""  # no record holds it
        self.header_attributes = self.options["header_attributes"]
        self.hot = self.list_hot()

    def list_hot(self) -> "Hot":
        """Return what `encode` needs for each record: to unpack a tuple is fast."""
        return (
            self.starts,
            self.timestamp,
            self.timestamp_format,
            self.max_size,
            self.msg_separator,
            self.escapes,
            self.framing,
        )

    def join_suffix(self, identity_fields: "str", msgid: "str", elements: "bytes") -> "bytes":
        """Return what stands between TIMESTAMP and the text of the message."""
        if self.protocol != "rfc5424":
            return identity_fields.encode()
        return f"{identity_fields}{msgid} ".encode() + (elements or b"-") + self.msg_separator

    def render_suffix(
        self,
        identity_fields: "str",
        msgid: "str | None",
        structured_data: "StructuredData | None",
        drop: "bool" = False,
    ) -> "bytes":
        """Return the suffix with what one record brings, or without any structured data."""
        msgid = self.msgid if msgid is None else clean_msgid(check_field("msgid", msgid))
        elements = b"" if drop else self.elements
        if structured_data is not None:
            elements = join_elements(elements, self.render_elements(structured_data))
        return self.join_suffix(identity_fields, msgid, elements)

    def render_shorter_suffix(
        self, identity_fields: "str", msgid: "str | None", space: "int"
    ) -> "bytes":
        """Return the suffix without what one record brings, or without any structured data."""
        suffix = self.render_suffix(identity_fields, msgid, None)
        if len(suffix) <= space:
            return suffix
        return self.render_suffix(identity_fields, msgid, None, drop=True)

    def render_elements(self, structured_data: "StructuredData") -> "bytes":
        return render_elements(structured_data, self.param_escapes, self.enterprise_id)

    def render_record_elements(
        self, record: "Any", emitter: "EmitterBase | None"
    ) -> "bytes | None":
        """Return what a LogRecord brings as elements, with the number and fields of an emitter."""
        data = read_attribute(record, "structured_data")
        if emitter is not None:
            fields = read_template_fields(record) if HAS_TEMPLATES else None
            data = emitter._join_fields(data, fields) if fields else emitter._join_bound(data)
            if emitter._trace is not None:
                data = emitter._trace(data, emitter._encoder)
            if emitter._sequence is not None:
                data = number_elements(data, emitter._sequence, self.enterprise_id)
        data = join_attributes(data, record, self.options, self.enterprise_id)
        return self.render_any_elements(data)

    def render_any_elements(self, structured_data: "object") -> "bytes | None":
        """Return what a record brings, whatever it is, as elements; names in it are made to fit."""
        if structured_data is None:
            return None
        try:
            return self.render_elements(structured_data)  # type: ignore[arg-type]
        except Exception:  # of a name, or of the __str__ of a value
            elements: Any = clean_elements(structured_data, self.enterprise_id)
        return None if elements is None else self.render_elements(elements)

    def read_header_fields(self, record: "object") -> "list[str | None]":
        """Return HEADER_FIELDS of a record: what is found for each, and its own msgid."""
        msgid = read_attribute(record, "msgid")
        found = [None, None, None, None if msgid is None else print_value(msgid)]
        for field, names in (self.header_attributes or {}).items():
            for name in names:
                value = read_attribute(record, name)
                if value is not None:
                    found[HEADER_FIELDS.index(field)] = print_value(value)
                    break
        return found

    def read_other_process(self, record: "object") -> "str | None":
        """Return the number of the process that has made a record, if it was not this one."""
        process = read_attribute(record, "process")
        if not is_a(process, int, str):
            return None
        procid = print_value(read_int(process) if is_a(process, int) else process)
        return None if procid == self.process else procid

    def render_own_fields(self, own: "list[str | None]", fields: "str") -> "str | None":
        """Return the fields of a record, of which some may be its own.

        None if it has none, or if they take more than there is space for.
        """
        if own[0] is None and own[1] is None and own[2] is None:
            return None
        fields = self.replace_fields(fields, own)
        return fields if len(fields) <= self.space else None

    def replace_fields(self, fields: "str", own: "list[str | None]") -> "str":
        """Return rendered fields with those of a record, that are not None, in place of theirs.

        RFC 5424 6.2.4 to 6.2.6; RFC 3164 4.1.2, 4.1.3.
        """
        if self.protocol == "rfc5424":
            cleaned = fields.split()
        else:  # no TAG has a bracket or a colon in it
            *hosts, tag = fields[1:-2].split(" ")
            app_name, _, pid = tag.partition("[")
            cleaned = [hosts[0] if hosts else NILVALUE, app_name, pid[:-1] or NILVALUE]
        names = [name or "" for name in own[:3]]
        if self.protocol != "rfc5424" and not self.options["fqdn"]:
            names[0] = remove_domain(names[0])
        given = clean_names(self.protocol, names)
        for index in range(3):
            if own[index] is not None:
                cleaned[index] = given[index]
        return join_fields(self.protocol, cleaned)

    def read_message(self, message: "object") -> "str":
        """Return a message as text, without the BOM that is written anyway (RFC 5424 6.4)."""
        text = read_text(message)
        if text is None:
            reject_message(message)
        start = 0
        while self.bom and text[start : start + 1] == BOM:
            start += 1
        return text[start:]


class OptionsSignature:
    """Gives `inspect` the signature of the compiled Encoder, where Python's takes all keywords."""

    def __get__(self, encoder: "object", kind: "Any") -> "Any":
        import inspect

        if kind.__init__.__module__ != "syslogfast._encoder_py":
            raise AttributeError("__signature__")  # a subclass has its own
        signature = inspect.signature(kind.__init__)
        kept = [each for name, each in signature.parameters.items() if name in OPTIONS]
        return signature.replace(parameters=kept)


def measure_buffer(buffer: "Any") -> "int":
    """Return the size of a writable, contiguous buffer, in bytes."""
    if is_a(buffer, bytearray):
        return len(buffer) if type(buffer) is bytearray else bytearray.__len__(buffer)
    try:
        view = memoryview(buffer)
        struct.pack_into("", view, 0)  # refuses what is read-only or not contiguous
    except (TypeError, NoSpace):
        reject_buffer(buffer)
    return view.nbytes if hasattr(view, "nbytes") else len(view)  # MicroPython has no nbytes


def store(buffer: "Any", offset: "object", data: "bytes") -> "int":
    """Write `data` at `offset` and return where it ends; only a bytearray grows."""
    size = measure_buffer(buffer)
    start = check_offset(offset, size)
    end = start + len(data)
    if type(buffer) is bytearray:
        buffer[start:end] = data
    elif is_a(buffer, bytearray):
        bytearray.__setitem__(buffer, slice(start, end), data)
    elif end > size:
        reject_space(len(data), size - start)
    else:
        struct.pack_into(f"{len(data)}s", buffer, start, data)
    return end
