"""Syslog records (RFC 5424, RFC 3164), encoded straight into your buffer."""

from syslogfast._encoder import BACKEND, Encoder, format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast.enums import Facility, Severity

__all__ = ["BACKEND", "Encoder", "Facility", "Severity", "format_timestamp"]
__version__ = "0.1.0"


def __getattr__(name: "str") -> "object":
    """Load what is not the encoder on first use: enum alone costs more than all the rest."""
    if name in ("Facility", "Severity"):
        from syslogfast import enums

        globals().update(Facility=enums.Facility, Severity=enums.Severity)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted(set(list(globals()) + __all__))
