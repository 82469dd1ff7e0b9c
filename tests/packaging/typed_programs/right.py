# pyright: strict
"""What programs may write: both checkers accept it, and it runs."""

import logging
import ssl
import sys
from types import TracebackType

import syslogfast
from syslogfast import (
    BACKEND,
    Emitter,
    Encoder,
    Facility,
    Formatter,
    Severity,
    SysLogHandler,
    bound,
    connect,
    format_timestamp,
    lifecycle,
    loggers,
    services,
)

# encoders
encoder = Encoder(facility="local0", hostname="web1", app_name="shop", procid=42)
encoder = Encoder(facility=Facility.LOCAL0, protocol="rfc3164", framing="lf", local_time=False)
encoder = Encoder(facility="LOG_MAIL", procid="42", structured_data=b'[a@1 b="c"]', bom=True)
encoder = Encoder(attributes={"a@1": {"logger": "name"}}, header_attributes={"app_name": "name"})
encoder = Encoder(enterprise_id=32473, max_size=None, precision=3, controls="keep", prefix=b"t ")
encoder = Encoder(framing=None, hostname=None, header_attributes={"msgid": ["event", "name"]})
record: bytes = encoder.encode("err", "card\nrefused\n", time_ns=1_065_910_455_003_000_000)
record = encoder.encode(Severity.INFO, b"sold", msgid="SALE", structured_data={"o@1": {"id": 17}})
record = encoder.encode(6, memoryview(b"sold"), structured_data={"o@1": [("n", 1), ("n", "b")]})
buffer = bytearray()
end: int = encoder.encode_into(buffer, "info", "opened", time_ns=0)
end, count = encoder.encode_many_into(buffer, "info", ["a", "b"], end, time_ns=0)
end, count = encoder.encode_many_into(memoryview(bytearray(300)), 6, (b"a", "b"))
encoder = encoder.replace(protocol="rfc5424", framing="octet", hostname="web2")
record = encoder.encode_record(logging.makeLogRecord({"msg": "sold"}), message="no")
header: bytes = encoder.header("info", msgid="SALE") + BACKEND.encode()
timestamp: str = format_timestamp(0, protocol="rfc3164", local_time=False, precision=0)

# emitters
log: Emitter = connect("fd://1", hostname="web1", app_name="shop", facility="local0")
log.notice("booted and awake")
log.info("%d sold", 3, msgid="SALE", structured_data={"order@32473": {"id": 17}})
log.info("x", order=17, by="me", exc_info=True, structured_data={"a@1": {"n": 1}})
log.warning(ValueError("as it is"), time_ns=None, exc_info=ValueError("told"))
log.emit("err", b"%b", b"bytes", msgid=None, order=None)
log.emit(Severity.DEBUG, {"any": "thing"}, time_ns=0)
log.log("WARNING", "sold %(n)s", {"n": 3}, request="r-17")
log.emit_many("info", (f"line {number}" for number in range(3)))
log.emit_record(logging.makeLogRecord({"msg": "sold out"}))
try:
    raise KeyError("k")
except KeyError:
    log.exception("failed: %s", "k", msgid="FAILED", order=17)
    log.critical("failed", exc_info=sys.exc_info())


def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    log.alert("crashed", exc_info=(kind, error, trace))


sys.excepthook = report
guest = log.child(hostname="vm-7", app_name="till", structured_data={"vm@1": {"n": 7}}, procid=1)
guest = log.child(facility=Facility.CRON, prefix=b"", max_size=None, enterprise_id="32473")
guest.bind(request="r-17", user=None).error("the drawer is open")
with bound(request="r-17"):
    log.emergency("sold")
stats = log.stats
accounted_for: bool = stats["offered"] == stats["sent"] + stats["queued"]
lost: int = sum(stats["dropped"].values()) + stats["dropped"].get("full", 0)
told: str = f"{stats['bytes'] + stats['truncated'] + stats['reconnects']} {stats['failure'] or ''}"
done: bool = log.flush() and log.flush(timeout=0.5)
log.close()

# options of connect
lines: list[str] = []
udp = "udp://127.0.0.1:9"
connect(udp, udp, linger=0.05, overflow="drop-oldest", queue_bytes=1 << 16).close(1.0)
connect(udp, on_failure=lines.append, level="info", sequence_ids=True, timeout=1).close()
connect(udp, on_failure=False, level=Severity.ERR, overflow="block", linger=None).close()
connect(udp, framing=None, protocol=None, max_size=None, local_time=True, msgid="M").close()
connect(udp, oversize="mark", multiline="escape", on_failure=False).bind(a=1).info("sold", order=17)
context = ssl.create_default_context()
with connect("tls://127.0.0.1:9?name=collector", context=context, framing="octet") as secured:
    print(secured, file=sys.stderr if lines else sys.stdout)

# services
local = "tcp://127.0.0.1:9"
services.loggly("t-1", url=local, tags=["web"], hostname="web1", linger=0, level="err").close()
services.logentries("t-1", region="eu", url=local, overflow="block", facility=16).close()
services.sumologic("t-1", region="jp", url=local, structured_data={"a@1": {"n": 1}}).close()
services.papertrail("127.0.0.1", 9, app_name="shop", protocol="rfc3164").close()
services.graylog(url=local, prefix=b"", framing="nul", queue_bytes=100_000).close()

# logging
formatter = Formatter(pri=True, hostname="web1", app_name="shop", procid=42, framing="lf")
formatter = Formatter("%(name)s %(message)s", style="%", defaults={"a": 1}, facility="local0")
stream = logging.StreamHandler(sys.stdout)
stream.setFormatter(formatter)
handler = SysLogHandler(("127.0.0.1", 9), "local0", protocol="rfc5424", hostname="web1")
handler = SysLogHandler([local, "fd://1"], facility=SysLogHandler.LOG_MAIL, linger=0.1, timeout=2)
handler = SysLogHandler(("127.0.0.1", 9), framing="octet", tls={"insecure": True}, socktype=1)
handler = SysLogHandler("fd://1", hostname="web1", app_name="shop", overflow="drop-newest")
handler = SysLogHandler("fd://1", oversize="split", multiline="split")
handler.priority_map = {"NOTICE": "notice"}
handler.append_nul = False
logging.basicConfig(level="INFO", handlers=[handler, stream])
logging.getLogger("shop").info("sold", extra={"msgid": "SALE"})
handler.flush()
assert handler.stats["sent"] == 1
assert sum(handler.stats["dropped"].values()) == 0
if handler.stats is None:
    raise SystemExit("it delivers")
loggers.install()
why: str = loggers.explain("shop")
logging.setLoggerClass(syslogfast.Logger)
loggers.uninstall()

# the life of a program
log = connect("fd://1", app_name="shop", sequence_ids=True)
life = lifecycle.install(log, version="1.2", network=False, exceptions=False, fatal_url=None)
lifecycle.booted(log, software="shop")
life.uninstall()
log.close()
