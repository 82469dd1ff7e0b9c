"""The switch between two encoders: the compiled one where it is built, else the fallback, its twin.

The environment variable SYSLOGFAST_BACKEND, "c" or "python", asks for one by name and fails if
that one cannot be had. A compiled module that is there but does not load raises: it never
becomes the twin in silence. Where only the present interpreter refuses it, for others share the
process, the twin is used with a warning: a worker of a pool still logs.
"""

import sys

from syslogfast._platform import read_variable

TYPE_CHECKING = False

COMPILED = "syslogfast._encoder_c"

backend = read_variable("SYSLOGFAST_BACKEND")
if backend not in ("", "c", "python"):
    from syslogfast._rare_validation import reject_backend

    reject_backend(backend)

if TYPE_CHECKING:
    from syslogfast._encoder_py import Encoder, RecordFormatter, format_timestamp

    BACKEND = ""
elif backend == "python" or (not backend and sys.implementation.name != "cpython"):
    from syslogfast._encoder_py import Encoder, RecordFormatter, format_timestamp

    BACKEND = "python"
else:
    try:
        from syslogfast._encoder_c import Encoder, RecordFormatter, format_timestamp

        BACKEND = "c"
    except ImportError as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == COMPILED
        is_refused = "subinterpreters" in str(error)
        if backend == "c" or not (is_missing or is_refused):
            raise
        if is_refused:
            from syslogfast._rare_validation import warn_of_fallback

            warn_of_fallback(error)
        from syslogfast._encoder_py import Encoder, RecordFormatter, format_timestamp

        BACKEND = "python"

__all__ = ["BACKEND", "Encoder", "RecordFormatter", "format_timestamp"]
