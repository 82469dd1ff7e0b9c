"""Emitters that divide a text: into lines, into parts, or with a mark where one is truncated.

`connect` loads this when `oversize` or `multiline` asks for it. A text that needs none of it goes
the way of all others, straight to EmitterBase; what does is encoded and queued by `Division`. Both
twins of EmitterBase have these methods before their own.
"""

import sys
import time

from syslogfast._message import (
    HAS_TEMPLATES,
    choose_arguments,
    choose_severity,
    describe_exception,
    format_message,
    read_any_message,
    read_attribute,
    read_record_text,
    read_template,
    read_template_fields,
)
from syslogfast._structured_data import add_fields, join_attributes
from syslogfast._text import read_text
from syslogfast._timestamp import check_time
from syslogfast._validation import check_choice, check_severity, find_option
from syslogfast.long_texts.division import Division
from syslogfast.long_texts.limits import (
    WIDE,
    Limits,
    estimate_elements,
    estimate_parameters,
    estimate_text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from logging import LogRecord
    from typing import Any

    from syslogfast._emitter_py import EmitterBase, ExcInfo
    from syslogfast.types import StructuredData
else:
    EmitterBase = object  # a class made by `find_kind` has it: that of its backend

OVERSIZES = ("truncate", "mark", "split")
MULTILINES = ("escape", "split")
LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
MOST_NAMES = 1000  # the most that are kept of those that have been found to be no option

_names: set[str] = set()
_kinds: "dict[tuple[object, ...], Any]" = {}


def find_kind(emitter: "Any", child: "Any", oversize: object, multiline: object) -> "Any":
    """Return the class of emitters with these options; TypeError, ValueError: as in `connect`.

    emitter, child: the classes that do without.
    """
    oversize = check_choice("oversize", oversize, OVERSIZES)
    multiline = check_choice("multiline", multiline, MULTILINES)
    if oversize == "truncate" and multiline == "escape":
        return emitter
    key = emitter, oversize, multiline
    if key not in _kinds:
        members: dict[str, Any] = {
            "__slots__": ("_limits",),
            "__module__": __name__,
            "_oversize": oversize,
            "_multiline": multiline,
        }
        members["_child_kind"] = type("DividingChild", (DividesTexts, child), dict(members))
        members["_child_kind"]._child_kind = members["_child_kind"]
        _kinds[key] = type("DividingEmitter", (DividesTexts, emitter), members)
    return _kinds[key]


class Part:
    """Stands for a LogRecord whose structured data are these."""

    __slots__ = ("_record", "structured_data")

    def __init__(self, record: object, structured_data: bytes) -> None:
        self._record = record
        self.structured_data = structured_data

    def __getattr__(self, name: str) -> object:
        return getattr(self._record, name)


class DividesTexts(EmitterBase):
    """Has the methods of an emitter that take a text."""

    __slots__ = ()

    if TYPE_CHECKING:
        _child_kind: Any
        _limits: Limits  # of the present encoder, once there was a record
        _multiline: str
        _oversize: str

    def emit(
        self,
        severity: int | str,
        message: object,
        /,
        *args: object,
        msgid: str | None = None,
        structured_data: "StructuredData | None" = None,
        time_ns: int | None = None,
        exc_info: "ExcInfo" = None,
        **fields: object,
    ) -> None:
        """Send one record, or several, unless the severity is below the `level` of `connect`.

        They differ in their text, which `oversize` and `multiline` of `connect` have divided. The
        rest is as with emitters that do not divide.
        """
        if fields:
            check_fields(fields)
        code = check_severity(severity)
        self._send(code, message, args, msgid, structured_data, time_ns, exc_info, fields)

    log = emit

    def _send(
        self,
        code: int,
        message: object,
        args: tuple[object, ...],
        msgid: str | None,
        structured_data: "Any",
        time_ns: int | None,
        exc_info: "ExcInfo",
        fields: dict[str, object],
    ) -> None:
        if code > self._level:  # the flight recorder has it whole
            options: Any = dict(fields)
            options.update(msgid=msgid, structured_data=structured_data, time_ns=time_ns)
            super().emit(code, message, *args, exc_info=exc_info, **options)
            return
        found = read_template(message) if HAS_TEMPLATES and not args else None
        if found:
            message, values = found
            values.update(fields)
            fields = values
        if exc_info is not None and exc_info is not False:
            message = describe_exception(message, args, exc_info)
        elif args:
            message = format_message(message, choose_arguments(args))
        text = read_any_message(message)
        limits = self._find_limits()
        data = structured_data
        if fields:
            data = self._join_all(limits, data, fields)
        if not self._may_divide(limits, text, data):
            if msgid is None and data is None and time_ns is None:
                super().emit(code, text)  # as most are
            else:
                super().emit(code, text, msgid=msgid, structured_data=data, time_ns=time_ns)
            return
        now = time.time_ns() if time_ns is None else time_ns
        check_time(now)  # a wrong one takes no number of the sequence

        def encode(encoder: "Any", piece: str, elements: bytes) -> "Any":
            return encoder.encode(
                code, piece, time_ns=now, msgid=msgid, structured_data=elements or None
            )

        elements = limits.render(self._add_common(data))
        if code <= self._dump_level:
            self._recorder._sender.dump()  # type: ignore[union-attr]
        Division(self, limits, code, encode, elements).send(text)

    def emit_record(self, record: "LogRecord", message: "str | None" = None) -> None:
        """Send a logging.LogRecord, as one record or several; the rest is as in `emit`.

        message: what to write instead of the record's own text; TypeError: it is no text. Nothing
        else raises.
        """
        code = choose_severity(read_attribute(record, "levelno"))
        if code > self._level:
            super().emit_record(record, message)
            return
        text: Any = read_record_text(record) if message is None else message
        limits = self._find_limits()
        data: Any = read_attribute(record, "structured_data")
        fields = read_template_fields(record) if HAS_TEMPLATES else None
        if fields:
            data = self._join_all(limits, data, fields)
        options = limits.options
        has_more = fields or options["attributes"] or options["header_attributes"]
        if type(text) is not str and type(text) is not bytes:
            text = read_text(text)
        if text is None or not self._may_divide(limits, text, WIDE if has_more else data):
            super().emit_record(record, message if text is None else text)
            return
        data = join_attributes(self._add_common(data), record, options, limits.enterprise_id)

        def encode(encoder: "Any", piece: str, elements: bytes) -> "Any":
            return encoder.encode_record(Part(record, elements), piece)

        if code <= self._dump_level:
            self._recorder._sender.dump()  # type: ignore[union-attr]
        Division(self, limits, code, encode, limits.render(data)).send(text)

    def emit_many(self, severity: int | str, messages: "Iterable[object]") -> None:
        """Send each message, as `emit` does."""
        code = check_severity(severity)
        if code > self._level:
            super().emit_many(code, messages)
            return
        for message in messages:
            self.emit(code, message)

    def _find_limits(self) -> Limits:
        """Return the limits of the present encoder: a fork gives an emitter another one."""
        encoder = self._get_encoder()
        try:
            limits = self._limits
            if limits.encoder is encoder:
                return limits
        except AttributeError:
            pass
        limits = self._limits = Limits(encoder)
        return limits

    def _may_divide(self, limits: Limits, text: "str | bytes", structured_data: object) -> bool:
        """Return False if a text is certainly one record, and whole."""
        if self._multiline == "split":
            whole: Any = text
            ends: Any = ("\n", "\r") if type(text) is str else (b"\n", b"\r")
            if ends[0] in whole or ends[1] in whole:
                return True
        if self._oversize == "truncate":
            return False
        size = estimate_text(text)
        if structured_data is not None:
            size += estimate_elements(structured_data)
        fields = find_bound_fields()
        if fields:
            size += estimate_parameters(fields)
        return bool(size > limits.space)

    def _join_all(
        self, limits: Limits, structured_data: "Any", fields: "dict[str, object]"
    ) -> "Any":
        """Return a record's structured data with its fields: bound, bind's, and its own."""
        joined = {**find_bound_fields(), **(self._fields or {}), **fields}
        if structured_data is None:
            return {limits.fields_id: joined}
        return add_fields(structured_data, limits.fields_id, joined, limits.encoder)

    def _add_common(self, structured_data: "Any") -> "Any":
        """Return a record's structured data with the fields of the context, and its trace."""
        if find_bound_fields():
            structured_data = self._join_all(self._find_limits(), structured_data, {})
        if self._trace is not None:
            structured_data = self._trace(structured_data, self._encoder)
        return structured_data


def make_level_method(severity: int, name: str) -> "Callable[..., None]":
    """Return `emit` for one severity (RFC 5424 6.2.1, table 2)."""

    def send(
        self: DividesTexts,
        message: object,
        /,
        *args: object,
        msgid: str | None = None,
        structured_data: "StructuredData | None" = None,
        time_ns: int | None = None,
        exc_info: "ExcInfo" = None,
        **fields: object,
    ) -> None:
        if fields:
            check_fields(fields)
        self._send(severity, message, args, msgid, structured_data, time_ns, exc_info, fields)

    send.__name__ = name
    send.__qualname__ = f"DividesTexts.{name}"
    send.__doc__ = f"Send what `emit` does, of severity {severity}."
    return send


for severity, name in enumerate(LEVELS):
    setattr(DividesTexts, name, make_level_method(severity, name))


def check_fields(fields: dict[str, object]) -> None:
    """Refuse fields that are nearly named like an option."""
    for name in fields:
        if name not in _names:
            find_option(name)
            if len(_names) < MOST_NAMES:
                _names.add(name)


def find_bound_fields() -> "dict[str, Any]":
    """Return the fields that `bound` has in this context.

    Its module is of a higher storey; before a program imports it no context has any.
    """
    module: Any = sys.modules.get("syslogfast._bound")
    return module._fields.get(({}, {}))[0] if module is not None else {}
