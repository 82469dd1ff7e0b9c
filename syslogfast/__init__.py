"""Syslog records (RFC 5424, RFC 3164), encoded straight into your buffer."""

from syslogfast._encoder import BACKEND, Encoder, format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.enums import Facility, Severity
    from syslogfast.handlers import Formatter

__all__ = ["BACKEND", "Encoder", "Facility", "Formatter", "Severity", "format_timestamp"]
LAZY = {"Facility": "enums", "Severity": "enums", "Formatter": "handlers"}  # where they are
__version__ = "0.1.0"


def __getattr__(name: "str") -> "object":
    """Load what is not the encoder on first use: enum alone costs more than all the rest."""
    if name in LAZY:
        module = __import__(f"{__name__}.{LAZY[name]}", None, None, [name])
        for lazy in LAZY:
            if LAZY[lazy] == LAZY[name]:
                globals()[lazy] = getattr(module, lazy)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted(set(list(globals()) + __all__))
