"""What rfc5424-logging-handler 1.4.3 offers, made of documented options of `SysLogHandler` alone.

`translate` is the table of docs/moving.md as a program. Neither its sdist nor its wheel has tests;
with those of its repository in a folder, they run on this module:

    python -m pytest -p no:logging -p support.rfc5424_logging_adapter FOLDER

from `tests/`, with `mock` and pytz 2023.3: a later one has another offset for the zone of theirs.
"""

import io
import logging
import os
import socket
import ssl
import sys
import time
import types
from typing import Any

import syslogfast
from syslogfast import Facility

NILVALUE = "-"
FRAMING_OCTET_COUNTING, FRAMING_NON_TRANSPARENT = 1, 2
NOTICE, ALERT, EMERGENCY = 25, 60, 70
LEVEL_NAMES = {NOTICE: "NOTICE", ALERT: "ALERT", EMERGENCY: "EMERGENCY"}
# Without the adapter's levels, those of `logging` stand for them.
LEVELS = {NOTICE: logging.WARNING, ALERT: logging.CRITICAL, EMERGENCY: logging.CRITICAL}
RECORD_FIELDS = ("hostname", "appname", "procid", "msgid", "structured_data")

globals().update({f"LOG_{facility.name}": int(facility) for facility in Facility})


def translate(
    hostname: object = None,
    appname: object = None,
    procid: object = None,
    structured_data: object = None,
    enterprise_id: object = None,
    msg_as_utf8: bool = True,
    utc_timestamp: bool = False,
) -> dict[str, Any]:
    """Return the options of Encoder for those of the peer that are about a record."""
    options: dict[str, Any] = {
        "protocol": "rfc5424",
        "local_time": not utc_timestamp,
        "bom": msg_as_utf8,
        "controls": "keep",
        "max_size": 65507,  # what fits into a datagram
        "header_attributes": {
            "hostname": "hostname",
            "app_name": "appname",
            "procid": "procid",
        },
        "hostname": str(hostname or socket.gethostname()),
    }
    if appname is None or appname == "":  # the name of the logger
        options["header_attributes"]["app_name"] = ["appname", "name"]
    else:
        options["app_name"] = str(appname)
    if procid is not None and procid != "":
        options["procid"] = str(procid)
    if isinstance(structured_data, dict):
        options["structured_data"] = structured_data
    if enterprise_id is not None:
        options["enterprise_id"] = enterprise_id
    return options


def translate_tls(
    ca: str | None, verify: bool, cert: str | None, key: str | None, password: str | None
) -> dict[str, object] | ssl.SSLContext:
    """Return `tls` for the peer's options: a context if it takes a password to read the key."""
    if password is None:
        return {"ca": ca, "cert": cert, "key": key, "insecure": not verify}
    context = ssl.create_default_context(cafile=ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert is not None:
        context.load_cert_chain(cert, key, password)
    return context


class Rfc5424SysLogHandler(syslogfast.SysLogHandler):
    """The peer's handler, but for streams: see `make_stream_handler`."""

    priority_map = syslogfast.SysLogHandler.priority_map | {
        "NOTICE": "notice",
        "ALERT": "alert",
        "EMERGENCY": "emerg",
        "EMERG": "emerg",
    }

    def __init__(
        self,
        address: Any = ("localhost", 514),
        facility: int = 1,
        socktype: int | None = socket.SOCK_DGRAM,
        framing: int = FRAMING_NON_TRANSPARENT,
        timeout: float = 5,
        tls_enable: bool = False,
        tls_ca_bundle: str | None = None,
        tls_verify: bool = True,
        tls_client_cert: str | None = None,
        tls_client_key: str | None = None,
        tls_key_password: str | None = None,
        **record_options: Any,
    ) -> None:
        options = translate(**record_options)
        if socktype == socket.SOCK_STREAM and not isinstance(address, str):
            if framing == FRAMING_OCTET_COUNTING:
                options["framing"] = "octet"
            elif tls_enable:
                options["framing"] = "lf"
            if tls_enable:
                options["tls"] = translate_tls(
                    tls_ca_bundle, tls_verify, tls_client_cert, tls_client_key, tls_key_password
                )
        super().__init__(address, facility, socktype, timeout, **options)

    def createSocket(self) -> None:  # noqa: N802
        """Open the socket: with one of its own, a handler sends at once, as the peer does."""
        super().createSocket()

    @property
    def transport(self) -> "Rfc5424SysLogHandler":
        """Return what has the attribute `socket`, which the peer's tests replace."""
        return self


def make_stream_handler(stream: Any, facility: int = 1, **record_options: Any) -> logging.Handler:
    """Return a handler for the peer's option `stream`: one for texts, with a Formatter."""
    if not isinstance(stream, io.TextIOBase):
        stream = io.TextIOWrapper(stream, "utf-8", newline="\n", write_through=True)
    handler = logging.StreamHandler(stream)
    options = translate(**record_options)
    handler.setFormatter(syslogfast.Formatter(pri=True, facility=facility, **options))
    return handler


class Rfc5424SysLogAdapter(logging.LoggerAdapter[Any]):
    """The peer's adapter: fields of a record as keyword arguments, and three levels more."""

    _extra_levels_enabled = False

    def __init__(
        self, logger: Any, extra: object = None, enable_extra_levels: bool = False
    ) -> None:
        if extra is not None and not isinstance(extra, dict):
            raise TypeError(f"extra must be a dict, got {extra!r}")
        if enable_extra_levels:
            type(self)._extra_levels_enabled = True
            for level, name in LEVEL_NAMES.items():
                logging.addLevelName(level, name)
        super().__init__(logger, extra or {})

    def process(self, msg: Any = None, kwargs: Any = None) -> tuple[Any, Any]:
        extra = {**(self.extra or {}), **kwargs.pop("extra", {})}
        if "sd" in kwargs:
            kwargs["structured_data"] = kwargs.pop("sd")
        given = {name: kwargs.pop(name) for name in RECORD_FIELDS if name in kwargs}
        extra.update((name, value) for name, value in given.items() if value)
        return msg, {**kwargs, "extra": extra}

    def log(self, level: int, msg: object = "", *args: object, **kwargs: Any) -> None:
        if not self._extra_levels_enabled:
            level = LEVELS.get(level, level)
        super().log(level, msg, *args, **kwargs)


def make_level_method(level: int) -> Any:
    def method(self: Any, msg: object = "", *args: object, **kwargs: Any) -> None:
        self.log(level, msg, *args, **kwargs)

    return method


for name in ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"):
    level = {"notice": NOTICE, "alert": ALERT, "emergency": EMERGENCY}.get(name)
    setattr(Rfc5424SysLogAdapter, name, make_level_method(level or getattr(logging, name.upper())))
Rfc5424SysLogAdapter.emerg = Rfc5424SysLogAdapter.emergency  # type: ignore[attr-defined]


def pytest_load_initial_conftests() -> None:
    """Be the peer, for its own tests, on a machine in the time zone that they pretend."""
    this = sys.modules[__name__]
    handler = types.ModuleType("rfc5424logging.handler")
    handler.socket = socket  # type: ignore[attr-defined]
    handler.get_localzone = None  # type: ignore[attr-defined]  # for them to replace
    this.handler = handler  # type: ignore[attr-defined]
    sys.modules |= {"rfc5424logging": this, "rfc5424logging.handler": handler}
    os.environ["TZ"] = "<+06>-6"
    time.tzset()
