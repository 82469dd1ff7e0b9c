"""A formatter for the handlers that one has: the text of a record, with a header before it."""

import logging

from syslogfast._backend import Encoder, RecordFormatter
from syslogfast._message import Misfit, print_value, read_record_text, report_misfit
from syslogfast._options import check_names
from syslogfast._rare_validation import reject_octets, reject_unframed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal, Unpack

    from syslogfast.types import EncoderOptions

# As it is now: a program may put this class in its place.
StandardFormatter = logging.Formatter
# What a subclass may replace of logging.Formatter.format.
PARTS = ("formatMessage", "formatException", "formatStack", "usesTime")


class Formatter(RecordFormatter, logging.Formatter):
    """A logging.Formatter that turns a LogRecord into a syslog record.

    fmt, datefmt, style, validate, defaults: as in logging.Formatter; they format the message,
        not the header. None: the message as it is. Exception and stack follow.
    pri: True writes PRI ("<14>"), for handlers that do not: streams, files, sockets. The
        standard SysLogHandler does.
    options: those of Encoder. `prefix` and `framing` go around PRI: they need pri=True. So does
        `facility` to have an effect: it is in PRI.

    Everything else comes from the record, as in Encoder.encode_record. TypeError, ValueError:
    an option is wrong.

    >>> formatter = Formatter(hostname="web1", app_name="shop", procid=42)
    >>> record = logging.makeLogRecord({"msg": "sold out", "created": 1_065_910_455.003})
    >>> formatter.format(record)
    '1 2003-10-11T22:14:15.003000Z web1 shop 42 - - sold out'
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: "Literal['%', '{', '$']" = "%",
        validate: bool = True,
        *,
        defaults: "Mapping[str, Any] | None" = None,
        pri: bool = False,
        **options: "Unpack[EncoderOptions]",
    ) -> None:
        check_names(options, "Formatter", Formatter.__init__)
        StandardFormatter.__init__(self, fmt, datefmt, style, validate, defaults=defaults)
        encoder = Encoder(**options)
        header = encoder.header(7)
        if not pri and not header.startswith(b"<"):
            reject_unframed("prefix")
        if not pri and options.get("framing") is not None:
            reject_unframed("framing")
        try:
            header.decode()
        except UnicodeDecodeError:
            reject_octets()
        kind = type(self)
        is_plain = self._fmt == "%(message)s" and all(
            getattr(kind, name) is getattr(StandardFormatter, name) for name in PARTS
        )
        RecordFormatter.__init__(self, encoder, bool(pri), is_plain)

    def __setattr__(self, name: str, value: object) -> None:
        """Take note of parts that are replaced on one formatter alone."""
        super().__setattr__(name, value)
        if name in PARTS or name == "_style":
            self._is_plain = False

    def __reduce__(self) -> "tuple[Any, ...]":
        """Copies have what this has: with encoder and form, which are not in its __dict__."""
        parts = (self._encoder, self._pri, self._is_plain)
        return restore_formatter, (type(self), parts, self.__dict__.copy())

    def format_text(self, record: logging.LogRecord) -> str:
        """Return what logging.Formatter.format does; the record's own text if that fails."""
        try:
            text = StandardFormatter.format(self, record)
            if isinstance(text, str):
                return text
        except Exception:
            report_misfit(record)
        # The record's own text is better than none.
        return print_value(read_record_text(record, Misfit()))


def restore_formatter(
    kind: type[Formatter], parts: tuple[Encoder, bool, bool], state: "dict[str, Any]"
) -> Formatter:
    formatter = kind.__new__(kind)
    RecordFormatter.__init__(formatter, *parts)
    formatter.__dict__.update(state)
    return formatter
