"""Syslog records (RFC 5424, RFC 3164) of what a program logs, and their delivery."""

from syslogfast._backend import BACKEND, Encoder, format_timestamp
from syslogfast.constants import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from syslogfast import lifecycle as lifecycle
    from syslogfast import loggers as loggers
    from syslogfast import services as services
    from syslogfast._bound import bound
    from syslogfast._preload import preload
    from syslogfast.emitter import Emitter, connect
    from syslogfast.enums import Facility, Severity
    from syslogfast.formatter import Formatter
    from syslogfast.handlers import SysLogHandler
    from syslogfast.loggers import Logger

__all__ = [
    "BACKEND",
    "Emitter",
    "Encoder",
    "Facility",
    "Formatter",
    "Logger",
    "Severity",
    "SysLogHandler",
    "bound",
    "connect",
    "format_timestamp",
    "preload",
]
LAZY = {  # where they are
    "Emitter": "emitter",
    "Facility": "enums",
    "Formatter": "formatter",
    "Logger": "loggers",
    "Severity": "enums",
    "SysLogHandler": "handlers",
    "bound": "_bound",
    "connect": "emitter",
    "preload": "_preload",
}
MODULES = ("lifecycle", "loggers", "services")  # which nobody has to import
__version__ = VERSION


if not TYPE_CHECKING:  # else each name would be one of the package's, those of no use too

    def __getattr__(name: "str") -> "object":
        """Load what is not the encoder on first use: enum alone costs more than all the rest."""
        if name in LAZY:
            module = __import__(f"{__name__}.{LAZY[name]}", None, None, [name])
            for lazy in LAZY:
                if LAZY[lazy] == LAZY[name]:
                    globals()[lazy] = getattr(module, lazy)
            return globals()[name]
        if name in MODULES:
            return __import__(f"{__name__}.{name}", None, None, [name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> "list[str]":
    return sorted(__all__ + list(MODULES))  # MicroPython has no displays with a star
