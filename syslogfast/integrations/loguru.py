"""loguru: its messages become records, and what is bound becomes fields."""

from syslogfast._message import choose_severity
from syslogfast.constants import FIELDS
from syslogfast.emitter import name_own_element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syslogfast.emitter import Emitter


class Sink:
    """What `logger.add` takes: each message becomes a record, with the time that loguru gave it.

    Levels are those of `logging`, by range; SUCCESS, 25, is a notice. What is in `extra` is a
    field; an exception stands after the message. Use it with format="{message}": loguru formats a
    text that is not used here.

    >>> from loguru import logger
    >>> from syslogfast import connect
    >>> from syslogfast.integrations.loguru import Sink
    >>> log = connect("udp://127.0.0.1:5514")
    >>> number = logger.add(Sink(log), format="{message}")
    >>> logger.bind(order=17).success("sold")
    """

    def __init__(self, emitter: "Emitter") -> None:
        self._emitter = emitter
        self._sd_id = name_own_element(emitter._encoder, FIELDS)

    def __call__(self, message: "Any") -> None:
        """Send a message of loguru's, a str whose `record` has all about it."""
        entry: dict[str, Any] = message.record
        data = None
        if entry["extra"]:
            data = {self._sd_id: {**(self._emitter._fields or {}), **entry["extra"]}}
        self._emitter.emit(
            choose_severity(entry["level"].no),
            entry["message"],
            time_ns=round(entry["time"].timestamp() * 1_000_000) * 1000,
            structured_data=data,
            exc_info=entry["exception"],
        )
