"""structlog: its events become records, and what is bound becomes fields."""

from syslogfast._message import append_lines, print_value
from syslogfast.constants import FIELDS
from syslogfast.emitter import name_own_element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from syslogfast.emitter import Emitter

TEXTS = ("exception", "stack")  # what structlog's processors make of exc_info and stack_info


class LoggerFactory:
    """What structlog.configure takes as `logger_factory`: all its loggers send by one emitter."""

    def __init__(self, emitter: "Emitter") -> None:
        self._emitter = emitter

    def __call__(self, *names: object) -> "Emitter":
        """Return the emitter, whose methods are those of the severities."""
        return self._emitter


class Renderer:
    """The last of structlog's processors, for loggers of LoggerFactory with the same emitter.

    The event is the message, with a traceback after it; `msgid` is MSGID (RFC 5424 6.2.7), if it is
    a str; all else is a field, whatever its name. Nothing raises.

    >>> import structlog
    >>> from syslogfast import connect
    >>> from syslogfast.integrations.structlog import LoggerFactory, Renderer
    >>> log = connect("udp://127.0.0.1:5514")
    >>> structlog.configure(processors=[Renderer(log)], logger_factory=LoggerFactory(log))
    >>> structlog.get_logger().bind(request="r-17").info("sold", order=17)
    """

    def __init__(self, emitter: "Emitter") -> None:
        self._sd_id = name_own_element(emitter._encoder, FIELDS)
        self._fields = emitter._fields or {}

    def __call__(
        self, logger: object, method: str, event: "MutableMapping[str, Any]"
    ) -> "tuple[tuple[object], dict[str, Any]]":
        """Return what the emitter's method is called with."""
        fields: dict[str, object] = {**self._fields, **event}
        options: dict[str, Any] = {}
        message = fields.pop("event", "")
        for name in TEXTS:
            if name in fields:
                message = append_lines(print_value(message), fields.pop(name))
        if "exc_info" in fields:
            options["exc_info"] = fields.pop("exc_info")
        if isinstance(fields.get("msgid"), str):
            options["msgid"] = fields.pop("msgid")
        if fields:
            options["structured_data"] = {self._sd_id: fields}
        return (message,), options
