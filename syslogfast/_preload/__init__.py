"""All that is loaded on first use, at once: for programs that can load nothing later.

A component of WASI is an image of an interpreter after its imports: what it imports when it runs is
not there any more. The names are listed, for where modules are frozen there is no folder to look
into; a test compares them with it.
"""

from syslogfast._backend import BACKEND
from syslogfast.transports import importing

# All but `_c`, the command's, which no program calls, and `types`, which only type checkers read.
MODULES = (
    *("_backend", "_bound", "_layout", "_message", "_name_errors", "_options", "_platform"),
    *("_preload", "_rare_validation", "_structured_data", "_text", "_timestamp"),
    *("_traceback_text", "_validation", "constants", "emitter", "enums", "formatter"),
    *("handlers", "handlers.standard"),
    *("integrations", "integrations.loguru", "integrations.structlog"),
    *("lifecycle", "lifecycle.clock", "lifecycle.heartbeat"),
    *("lifecycle.hooks", "lifecycle.host", "lifecycle.records", "lifecycle.traceback"),
    *("loggers", "loggers.checks", "loggers.classes", "loggers.plan", "loggers.records"),
    *("long_texts", "long_texts.division", "long_texts.limits", "services"),
    *("transports", "transports.datagram", "transports.datagram_socket"),
    *("transports.drop_report", "transports.failback", "transports.failure_report"),
    *("transports.fd", "transports.netlink", "transports.network", "transports.poll"),
    *("transports.protocol", "transports.recorder", "transports.relp", "transports.relps"),
    *("transports.resolve", "transports.retry", "transports.sender", "transports.signal_mask"),
    *("transports.stream", "transports.threads", "transports.tls", "transports.unix"),
    *("transports.unix_datagram", "transports.url", "transports.url_errors"),
    "transports.worker",
)
# Those of one backend alone.
TWIN = ("_emitter_py", "_encoder_py", "transports.queue_py", "transports.ring_py")
COMPILED = (
    *("_encoder_c", "_lifecycle_c", "_logger_c"),
    *("lifecycle.fatal_signals", "transports.termination"),
)
# What functions of the package import from Python's own library.
LIBRARY = (
    *("encodings.idna", "encodings.punycode", "errno", "faulthandler", "functools", "select"),
    *("socket", "traceback"),
)


def preload() -> "dict[str, str]":
    """Import every module that is otherwise loaded on first use; return those that cannot be.

    For programs that find no files when they run: call it while they are built, or before they give
    up what they see of the file system. Where nothing is asked of it, it costs memory and time.

    The values are the reasons: without `ssl`, as on WASI, there are no transports with TLS. The
    command's modules are left out, and asyncio, which its users have imported already.
    """
    ours = (*MODULES, *(COMPILED if BACKEND == "c" else TWIN))
    missing = {}
    for name in (*LIBRARY, *[f"syslogfast.{name}" for name in ours]):
        try:
            with importing:
                __import__(name)
        except ImportError as error:
            missing[name] = str(error)
    load_parts_of_traceback()
    return missing


def load_parts_of_traceback() -> "None":
    """Have a traceback written: `traceback` and `linecache` import on first use, too."""
    try:
        from traceback import format_exception
    except ImportError:
        return
    try:
        abs(1 / 0)  # a part of a line, which `traceback` marks, if it can import `ast`
    except ZeroDivisionError as error:
        format_exception(error)
