"""What programs may not write: both checkers report the marked lines, and no other."""

import logging

import syslogfast
from syslogfast import (
    Emitter,
    Encoder,
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

udp = "udp://127.0.0.1:9"
log: Emitter = connect(udp)
encoder = Encoder()
handler = SysLogHandler(udp)

# options of an encoder
Encoder(hostnam="web1")  # error
Encoder("local0")  # error
Encoder(protocol="rfc5242")  # error
Encoder(protocol=None)  # error
Encoder(framing="octets")  # error
Encoder(controls="none")  # error
Encoder(facility=None)  # error
Encoder(structured_data={"a@1": 1})  # error
Encoder(prefix="token ")  # error
Encoder(attributes={"a@1": "name"})  # error
encoder.replace(apname="till")  # error
encoder.replace(framing="crlf")  # error
encoder.encode("info")  # error
encoder.encode("info", 17)  # error
encoder.encode(6, "sold", msg_id="SALE")  # error
encoder.encode(6, "sold", order=17)  # error
encoder.encode_into("info", "sold")  # error
encoder.encode_many_into(bytearray(), "info", "abc")  # error
encoder.encod("info", "sold")  # error
format_timestamp(0, protocol="iso8601")  # error

# options of connect
connect(udp, lingr=1)  # error
connect(udp, linger="1")  # error
connect(udp, overflow="dropnewest")  # error
connect(udp, oversize="cut")  # error
connect(udp, multiline=True)  # error
connect(udp, on_failure=True)  # error
connect(udp, on_failure="no")  # error
connect(udp, context=True)  # error
connect(udp, level=3.0)  # error
connect(udp, hostname=7)  # error
connect(udp, framing="lines")  # error
connect(udp, pri=True)  # error
connect(514)  # error

# emitters
log.info()  # error
log.info("sold", msgid=7)  # error
log.error("sold", time_ns="now")  # error
log.debug("sold", structured_data={"a@1": 1})  # error
log.exception("failed", exc_info="yes")  # error
log.exception("failed", msgid=7)  # error
log.exception()  # error
log.emit("info")  # error
log.log(6.5, "sold")  # error
log.warn("sold")  # error
log.emit_many("info", 3)  # error
log.emit_record("sold")  # error
log.child(hostnam="vm-7")  # error
log.child(framing="lf")  # error
log.child(protocol="rfc5424")  # error
log.bind("r-17")  # error
bound("r-17")  # error
log.flush("1")  # error
print(log.stats["snet"])  # error
print(log.stats["sent"]["full"])  # error
print(handler.stats["snet"])  # error
log.stats["sent"] = "1"  # error

# services
services.loggly("t-1", tag="web")  # error
services.loggly("t-1", tags="web")  # error
services.loggly("t-1", prefix=b"")  # error
services.datadog("t-1", protocol="rfc5424")  # error
services.sumologic("t-1", region="us3")  # error
services.graylog("collector", overflow="drop")  # error
services.splunk("collector", lingr=1)  # error
services.alloy("collector", "5140")  # error

# logging
Formatter(nosuch=1)  # error
Formatter(style="$$")  # error
Formatter(linger=1)  # error
SysLogHandler(udp, lingr=1)  # error
SysLogHandler(udp, protocol="syslog")  # error
SysLogHandler(udp, overflow="newest")  # error
SysLogHandler(udp, multiline="lines")  # error
SysLogHandler(udp, tls="yes")  # error
SysLogHandler(udp, context=None)  # error
handler.setFormatter("%(message)s")  # error
handler.emit("sold")  # error
loggers.explain(logging.getLogger())  # error
loggers.instal()  # error

# all else
lifecycle.install(udp)  # error
lifecycle.install(log, netwrok=False)  # error
lifecycle.install(log, version=1.2)  # error
print(Severity.WARN)  # error
syslogfast.conect(udp)  # error
syslogfast.services.logly("t-1")  # error
from syslogfast import Emiter  # noqa: E402, F401  # error
