"""Real collectors for the tests: rsyslog and syslog-ng, private, on loopback, run by the test.

Only what a collector of the field has understood and stored counts, so the tests compare
:class:`Record` with what was logged. Where the two daemons merely write the same thing in
different ways, `Record` has one of them; where they understand different things, it shows that.
"""

from __future__ import annotations

import base64
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import ClassVar, NamedTuple

from support.certificates import CLIENT, Certificates, Pair

TRANSPORTS = ("udp", "tcp-octet", "tcp-lf", "udp-3164", "tcp-lf-3164")
TLS_TRANSPORTS = ("tls", "mtls")  # mutual: the collector, too, wants a certificate
UNIX_TRANSPORTS = ("unix-dgram", "unix-stream")
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on the PATH of an ordinary user

StructuredData = dict[str, list[tuple[str, str]]]


class Record(NamedTuple):
    """One message as the collector stored it, the same for both daemons.

    A field that was NILVALUE, or that an RFC 3164 message does not have, is "-". `timestamp` has
    six digits of fraction and a numeric offset; RFC 3164 times are read as UTC; for a NILVALUE it
    is the time of reception. `message` is without the byte order mark of RFC 5424 section 6.4 and
    without the one space after the TAG of RFC 3164. syslog-ng drops LF and NUL at the end of a
    message, and rsyslog writes NUL as "#000": this is left as it is.
    """

    priority: int
    timestamp: str
    hostname: str
    app_name: str
    procid: str
    msgid: str
    structured_data: StructuredData
    message: str


CONTROLS = re.compile("[\0-\x08\n-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def escape(line: bytes) -> str:
    """Return a line as a collector must store it: control characters as #ooo, UTF-8 repaired."""
    return CONTROLS.sub(
        lambda found: "".join(f"#{octet:03o}" for octet in found[0].encode()),
        line.decode("utf-8", "replace"),
    )


class Collector:
    """One daemon process with its files in `directory`; it dies with the thread that started it.

    It listens on TRANSPORTS and UNIX_TRANSPORTS, and given certificates on TLS_TRANSPORTS: any but
    "…-3164" takes RFC 5424 and 3164 alike. `process` is the daemon as it was started last.
    """

    name: ClassVar[str]
    process: subprocess.Popen[bytes]

    def __init__(self, directory: pathlib.Path, certificates: Certificates | None = None) -> None:
        reason = self.find_missing(certificates is not None)
        if reason:
            raise RuntimeError(reason)
        self.directory = directory.resolve() / self.name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificates = certificates
        self.ports = self._choose_ports()
        self._stored = self.directory / "records"
        self._stored.write_bytes(b"")
        self._offset = 0
        self._output = self.directory / "output"
        values: dict[str, object] = {"directory": self.directory, "client": CLIENT, **self.ports}
        if certificates:
            values["ca"] = certificates.ca
            self.show_certificate(certificates.server)
        configuration = self.directory / "configuration"
        configuration.write_text(self._configuration() % values, encoding="utf-8")
        self.start()

    def start(self) -> None:
        """Start the daemon, at first or after kill(): at the same places, keeping the records."""
        executable = self.executable()
        assert executable is not None
        self._truncate_half_record()
        # A clean environment: a sanitizer or profiler preloaded for the tests is not for the
        # daemon, and UTC keeps the digits of an RFC 3164 time as they were sent. setpriv becomes
        # the daemon, which the kernel then kills when the tests are killed before stop().
        with self._output.open("ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", executable, *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC", **self._variables()},
            )
        deadline = time.monotonic() + 20
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.name} did not start:\n{self._last_words()}")
            time.sleep(0.01)

    @classmethod
    def executable(cls) -> str | None:
        """Where the daemon is, None if this machine has none."""
        raise NotImplementedError

    @classmethod
    def find_missing(cls, tls: bool = False) -> str | None:
        """Say what this machine has not that the daemon needs, as a reason to skip a test."""
        return None if cls.executable() else f"{cls.name} is not on this machine"

    def address(self, transport: str) -> tuple[str, int]:
        """Where to send: one of TRANSPORTS, named by protocol, framing and, if old, format."""
        return "127.0.0.1", self.ports[transport]

    def url(self, transport: str, host: str = "127.0.0.1") -> str:
        """Where to send, as connect() takes it: the transport's name begins with the scheme.

        "tls" trusts the authority of the certificates; "mtls" and "relps" show the client's
        certificate, too.
        """
        if transport in UNIX_TRANSPORTS:
            return f"unix://{self.directory / transport}" + "?framing=lf" * (
                transport == "unix-stream"
            )
        place = f"{host}:{self.ports[transport]}"
        if transport not in (*TLS_TRANSPORTS, "relps"):
            scheme, *framing = transport.removesuffix("-3164").split("-")
            return f"{scheme}://{place}" + "".join(f"?framing={name}" for name in framing)
        assert self.certificates is not None
        certificate, key = self.certificates.client
        client = f"&cert={certificate}&key={key}" if transport != "tls" else ""
        scheme = transport.removeprefix("m")
        return f"{scheme}://{place}?ca={self.certificates.ca}{client}"

    def show_certificate(self, pair: Pair) -> None:
        """Choose the server's certificate on TLS_TRANSPORTS, from the next start() on."""
        for name, file in zip(("server.pem", "server.key"), pair, strict=True):
            shutil.copyfile(file, self.directory / name)

    def records(self, count: int, timeout: float = 30.0) -> list[Record]:
        """Wait for exactly `count` records since the last call (also one that failed).

        One too many is as wrong as a loss, so it looks again a time after the last.
        """
        lines: list[bytes] = []
        deadline = time.monotonic() + timeout
        while len(lines) < count and time.monotonic() < deadline:
            lines += self._new_lines()
            if len(lines) < count:
                time.sleep(0.01)
        if len(lines) >= count:
            time.sleep(0.2)
            lines += self._new_lines()
        if len(lines) < count:
            raise AssertionError(
                f"{self.name}: {len(lines)} of {count} records came within {timeout} s\n"
                f"{self._last_words()}"
            )
        if len(lines) > count:
            raise AssertionError(
                f"{self.name}: {len(lines)} records came where {count} were expected; "
                f"the first too many: {self._record(lines[count])}"
            )
        return [self._record(line) for line in lines]

    def kill(self) -> None:
        """End the daemon where it stands; then start() may be called."""
        self.process.kill()
        self.process.wait()

    def suspend(self) -> None:
        """Stop the daemon in the middle of things; the kernel goes on taking what is sent."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let the daemon go on after suspend()."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the daemon, if need be by force; what it wrote can still be read by records()."""
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)  # a test that failed may have left it suspended
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _choose_ports(self) -> dict[str, int]:
        transports = TRANSPORTS + (TLS_TRANSPORTS if self.certificates else ())
        return dict(zip(transports, free_ports(len(transports)), strict=True))

    def _configuration(self) -> str:
        raise NotImplementedError

    def _arguments(self) -> list[str]:
        raise NotImplementedError

    def _variables(self) -> dict[str, str]:
        return {}

    def _record(self, line: bytes) -> Record:
        raise NotImplementedError

    def _sockets(self) -> list[pathlib.Path]:
        return [self.directory / transport for transport in UNIX_TRANSPORTS]

    def _listens(self) -> bool:
        """Ask the kernel: a trial connection is logged, and a trial datagram becomes a record."""
        wanted = {
            ("udp" if transport.startswith("udp") else "tcp", port)
            for transport, port in self.ports.items()
        }
        listening = {*listening_ports("tcp", "0A"), *listening_ports("udp", "07")}
        return wanted <= listening and {*map(str, self._sockets())} <= bound_sockets()

    def _truncate_half_record(self) -> None:
        """Cut off what a daemon that was killed had not written to its end: it is not stored."""
        stored = self._stored.read_bytes()
        os.truncate(self._stored, stored.rfind(b"\n") + 1)

    def _new_lines(self) -> list[bytes]:
        """Whole lines written since the last call; one still being written is left for the next."""
        with self._stored.open("rb") as stored:
            stored.seek(self._offset)
            data = stored.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.split(b"\n")[:-1]

    def _last_words(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")[-4000:]


class Rsyslog(Collector):
    """rsyslog, which tells framings and formats apart by itself, so that few ports are enough."""

    name = "rsyslog"
    modules: ClassVar[tuple[tuple[str, str], ...]] = ()  # and the Debian packages that have them

    @classmethod
    def executable(cls) -> str | None:
        return shutil.which("rsyslogd", path=os.environ.get("PATH", os.defpath) + ":" + SBIN)

    @classmethod
    def find_missing(cls, tls: bool = False) -> str | None:
        needed = cls.modules + ((("lmnsd_ossl", "rsyslog-openssl"),) if tls else ())
        for module, package in needed:
            if not any(pathlib.Path("/usr/lib").glob(f"*/rsyslog/{module}.so")):
                return f"Debian's {package} is not on this machine"
        return super().find_missing(tls)

    def _choose_ports(self) -> dict[str, int]:
        ports = super()._choose_ports()
        return {
            transport: ports["tcp-octet" if "tcp" in transport else transport.removesuffix("-3164")]
            for transport in ports
        }

    def _configuration(self) -> str:
        return RSYSLOG + RSYSLOG_TRANSPORTS + (RSYSLOG_TLS if self.certificates else "")

    def _arguments(self) -> list[str]:
        return ["-n", "-i", "NONE", "-f", str(self.directory / "configuration")]

    def _last_words(self) -> str:
        """After the start rsyslog no longer complains on stderr, but by messages of its own."""
        own = self.directory / "own-messages"
        return super()._last_words() + (own.read_text("utf-8", "replace") if own.exists() else "")

    def _record(self, line: bytes) -> Record:
        # Decoded first, and strictly: json.loads takes bytes that are not UTF-8 (surrogates).
        fields: dict[str, str] = json.loads(line.decode("utf-8"))
        message, raw = fields["message"], fields["structured_data"]
        elements, rest = parse_structured_data("" if raw == "-" else raw)
        if rest:
            raise ValueError(f"rsyslog stored structured data that are none: {raw!r}")
        return Record(
            priority=int(fields["priority"]),
            timestamp=comparable(fields["timestamp"]),
            hostname=fields["hostname"] or "-",
            app_name=fields["app_name"] or "-",
            procid=fields["procid"] or "-",
            msgid=fields["msgid"] or "-",
            structured_data=elements,
            message=message.removeprefix("\ufeff" if fields["version"] == "1" else " "),
        )


class RsyslogRelp(Rsyslog):
    """rsyslog behind RELP alone, with certificates also by TLS, where it wants the client's.

    It has no queue: what it acknowledges is stored.
    """

    name = "rsyslog-relp"
    modules = (("imrelp", "rsyslog-relp"),)

    def _choose_ports(self) -> dict[str, int]:
        names = ("relp", "relps") if self.certificates else ("relp",)
        return dict(zip(names, free_ports(len(names)), strict=True))

    def _sockets(self) -> list[pathlib.Path]:
        return []

    def _configuration(self) -> str:
        return RSYSLOG + RSYSLOG_RELP + (RSYSLOG_RELPS if self.certificates else "")


class RsyslogStock(Rsyslog):
    """rsyslog with the settings of its own, behind a socket such as /dev/log is elsewhere.

    Only the socket's path is another. Its rate limit need not be lifted: by default there is none.
    """

    name = "rsyslog-stock"

    def url(self, transport: str = "unix", host: str = "") -> str:
        return f"unix://{self.directory / 'log'}"

    def _choose_ports(self) -> dict[str, int]:
        return {}

    def _sockets(self) -> list[pathlib.Path]:
        return [self.directory / "log"]

    def _configuration(self) -> str:
        return RSYSLOG_STOCK


class SyslogNg(Collector):
    """syslog-ng, installed or unpacked: its Debian package cannot be installed beside rsyslog's.

    SYSLOGFAST_SYSLOG_NG names the directory into which the packages were unpacked.
    """

    name = "syslog-ng"

    @classmethod
    def executable(cls) -> str | None:
        path = os.environ.get("PATH", os.defpath) + ":" + SBIN
        unpacked = os.environ.get("SYSLOGFAST_SYSLOG_NG")
        if unpacked:
            path = os.path.join(os.path.abspath(unpacked), "usr/sbin") + ":" + path
        return shutil.which("syslog-ng", path=path)

    def _configuration(self) -> str:
        return SYSLOG_NG + (SYSLOG_NG_TLS if self.certificates else "")

    def _unpacked(self, pattern: str) -> str:
        """What matches `pattern` in the unpacked tree, as a search path; "" if installed."""
        unpacked = os.environ.get("SYSLOGFAST_SYSLOG_NG")
        if not unpacked:
            return ""
        found = sorted(pathlib.Path(unpacked).resolve().glob(pattern))
        return ":".join(dict.fromkeys(str(path.parent) for path in found))

    def _arguments(self) -> list[str]:
        modules = self._unpacked("usr/lib/**/libafsocket.so")
        return [
            *([f"--module-path={modules}"] if modules else []),
            *("--foreground", "--stderr", "--no-caps"),
            *("-f", str(self.directory / "configuration")),
            *("-R", str(self.directory / "persist")),
            *("-c", str(self.directory / "control")),
            *("-p", str(self.directory / "pid")),
        ]

    def _variables(self) -> dict[str, str]:
        libraries = self._unpacked("**/lib*.so.[0-9]")
        return {"LD_LIBRARY_PATH": libraries} if libraries else {}

    def _record(self, line: bytes) -> Record:
        priority, timestamp, *encoded = line.decode("ascii").split(",")
        fields = [base64.b64decode(field).decode("utf-8") for field in encoded]
        hostname, app_name, procid, msgid, stored, message, raw = fields
        elements, _ = parse_structured_data(stored)
        header = raw.split(" ", 6) if re.match(r"<\d+>1 ", raw) else []
        sent, _ = parse_structured_data(header[6] if len(header) == 7 else "")
        # It stores one value for each name, for no HOSTNAME the address of the sender, and a number
        # with what came by a unix socket: the message itself tells what it was, but only where the
        # two agree on the rest.
        values = last_values(elements)
        if last_values(sent) != values:
            values.pop("meta.sequenceId", None)
        if last_values(sent) == values:
            elements = sent
        if header[2:3] == ["-"]:
            hostname = "-"
        return Record(
            priority=int(priority),
            timestamp=comparable(timestamp),
            hostname=hostname or "-",
            app_name=app_name or "-",
            procid=procid or "-",
            msgid=msgid or "-",
            structured_data=elements,
            message=message,
        )


def free_ports(count: int) -> list[int]:
    """Ports free for TCP and UDP, below those the kernel gives to clients: they stay free.

    Not from the common generator, which hypothesis seeds alike in processes side by side.
    """
    found: list[int] = []
    for port in random.SystemRandom().sample(range(20000, 32000), 1000):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as trial:
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports between 20000 and 32000")


def listening_ports(protocol: str, state: str) -> list[tuple[str, int]]:
    """The ports on which the kernel has a socket of `protocol` in `state`, as (protocol, port)."""
    lines = pathlib.Path("/proc/net", protocol).read_text(encoding="ascii").splitlines()
    sockets = [line.split() for line in lines[1:]]
    return [(protocol, int(row[1].partition(":")[2], 16)) for row in sockets if row[3] == state]


def bound_sockets() -> set[str]:
    """The paths of this machine's unix sockets, as they were bound."""
    lines = pathlib.Path("/proc/net/unix").read_text("utf-8", "replace").splitlines()
    return {columns[7] for line in lines[1:] if len(columns := line.split(None, 7)) == 8}


def comparable(timestamp: str) -> str:
    """Six digits and a numeric offset, as syslog-ng writes any time; rsyslog keeps it as sent."""
    parts = re.fullmatch(r"([^.Z]+?)(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)", timestamp)
    if parts is None:
        return timestamp
    time_of_day, fraction, offset = parts.groups("")
    return f"{time_of_day}.{fraction:0<6}{'+00:00' if offset == 'Z' else offset}"


def parse_structured_data(text: str) -> tuple[StructuredData, str]:
    """The SD-ELEMENTs at the start of `text`, unescaped (RFC 5424, 6.3), and what follows."""
    elements: StructuredData = {}
    end = 0
    while element := SD_ELEMENT.match(text, end):
        if element[1] in elements:
            raise ValueError(f"SD-ID {element[1]!r} twice in {text!r}")
        elements[element[1]] = [
            (name, re.sub(r'\\(["\\\]])', r"\1", value))
            for name, value in SD_PARAM.findall(element[2])
        ]
        end = element.end()
    return elements, text[end:]


def last_values(elements: StructuredData) -> dict[str, str]:
    """Structured data as syslog-ng holds them: one value for each SD-ID and name, dotted."""
    return {
        f"{sd_id}.{name}": value
        for sd_id, params in elements.items()
        for name, value in params or [("", "")]
    }


SD_PARAM = re.compile(r' ([^ ="\]]+)="([^"\\\]]*(?:\\.[^"\\\]]*)*)"', re.DOTALL)
SD_ELEMENT = re.compile(r'\[([^ ="\]]+)((?: [^ ="\]]+="[^"\\\]]*(?:\\.[^"\\\]]*)*")*)\]', re.DOTALL)

RSYSLOG_TEMPLATE = """
template(name="record" type="list" option.jsonf="on") {
  property(outname="priority" name="pri" format="jsonf")
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="hostname" name="hostname" format="jsonf")
  property(outname="app_name" name="app-name" format="jsonf")
  property(outname="procid" name="procid" format="jsonf")
  property(outname="msgid" name="msgid" format="jsonf")
  property(outname="structured_data" name="structured-data" format="jsonf")
  property(outname="message" name="msg" format="jsonf")
}
"""
RSYSLOG = (
    RSYSLOG_TEMPLATE
    + """
global(
  workDirectory="%(directory)s"
  maxMessageSize="256k"
  preserveFQDN="on"
  net.enableDNS="off"
  parser.escapeControlCharactersOnReceive="off"
  parser.dropTrailingLFOnReception="off"
  processInternalMessages="on"
)
ruleset(name="records") {
  action(type="omfile" file="%(directory)s/records" template="record" flushOnTXEnd="on")
}
action(type="omfile" file="%(directory)s/own-messages")
"""
)
# One worker keeps the order. The large receive buffer is for bursts over UDP (both daemons).
# What comes by a unix socket is read like the rest, which is not the default: see RSYSLOG_STOCK.
RSYSLOG_TRANSPORTS = """
main_queue(queue.type="LinkedList" queue.size="100000" queue.workerThreads="1")
module(load="imudp")
module(load="imtcp" maxSessions="1000" maxFrameSize="262144")
module(load="imuxsock" sysSock.use="off")
module(load="imptcp")
input(type="imudp" address="127.0.0.1" port="%(udp)d" rcvbufSize="4m" ruleset="records")
input(type="imtcp" address="127.0.0.1" port="%(tcp-octet)d" ruleset="records")
input(type="imuxsock" socket="%(directory)s/unix-dgram" ruleset="records" useSpecialParser="off"
      parseHostname="on" ignoreTimestamp="off" useSysTimeStamp="off")
input(type="imptcp" path="%(directory)s/unix-stream" unlink="on" ruleset="records"
      maxFrameSize="262144")
"""
RSYSLOG_TLS = """
input(type="imtcp" address="127.0.0.1" port="%(tls)d" ruleset="records"
      streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon"
      streamDriver.caFile="%(ca)s" streamDriver.certFile="%(directory)s/server.pem"
      streamDriver.keyFile="%(directory)s/server.key")
input(type="imtcp" address="127.0.0.1" port="%(mtls)d" ruleset="records"
      streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="x509/name"
      permittedPeer=["%(client)s"]
      streamDriver.caFile="%(ca)s" streamDriver.certFile="%(directory)s/server.pem"
      streamDriver.keyFile="%(directory)s/server.key")
"""
RSYSLOG_RELP = """
main_queue(queue.type="Direct")
module(load="imrelp" ruleset="records" tls.tlslib="openssl")
input(type="imrelp" address="127.0.0.1" port="%(relp)d" maxDataSize="262144")
"""
RSYSLOG_RELPS = """
input(type="imrelp" address="127.0.0.1" port="%(relps)d" maxDataSize="262144" tls="on"
      tls.authMode="name" tls.permittedPeer=["%(client)s"] tls.caCert="%(ca)s"
      tls.myCert="%(directory)s/server.pem" tls.myPrivKey="%(directory)s/server.key")
"""
RSYSLOG_STOCK = (
    RSYSLOG_TEMPLATE
    + """
global(workDirectory="%(directory)s" processInternalMessages="on")
module(load="imuxsock" sysSock.name="%(directory)s/log")
if $inputname == "imuxsock" then {
  action(type="omfile" file="%(directory)s/records" template="record")
} else {
  action(type="omfile" file="%(directory)s/own-messages")
}
"""
)

# base64, since its JSON cannot tell a byte that is not UTF-8 from the text "\xff". What comes by a
# unix socket would have no HOSTNAME by default.
SYSLOG_NG = r"""@version: current
options {
  keep-hostname(yes); keep-timestamp(yes); use-dns(no); dns-cache(no);
  log-msg-size(262144); frac-digits(6); ts-format(iso); stats-freq(0);
};
template record {
  template("${PRI},${S_ISODATE},$(base64-encode ${HOST}),$(base64-encode ${PROGRAM}),\
$(base64-encode ${PID}),$(base64-encode ${MSGID}),$(base64-encode ${SDATA}),\
$(base64-encode ${MESSAGE}),$(base64-encode ${RAWMSG})\n");
};
source records {
  syslog(ip("127.0.0.1") port(%(udp)d) transport("udp") flags(store-raw-message)
         so-rcvbuf(4194304));
  syslog(ip("127.0.0.1") port(%(tcp-octet)d) transport("tcp") flags(store-raw-message)
         max-connections(1000) log-iw-size(100000));
  network(ip("127.0.0.1") port(%(tcp-lf)d) transport("tcp")
          flags(syslog-protocol, store-raw-message) max-connections(1000) log-iw-size(100000));
  network(ip("127.0.0.1") port(%(udp-3164)d) transport("udp") so-rcvbuf(4194304));
  network(ip("127.0.0.1") port(%(tcp-lf-3164)d) transport("tcp") max-connections(1000)
          log-iw-size(100000));
  unix-dgram("%(directory)s/unix-dgram" so-rcvbuf(4194304)
             flags(syslog-protocol, expect-hostname, store-raw-message));
  unix-stream("%(directory)s/unix-stream" max-connections(1000) log-iw-size(100000)
              flags(syslog-protocol, expect-hostname, store-raw-message));
};
destination records { file("%(directory)s/records" template(record) flush-lines(1)); };
log { source(records); destination(records); flags(flow-control); };
"""
SYSLOG_NG_TLS = """
source tls {
  syslog(ip("127.0.0.1") port(%(tls)d) transport("tls") flags(store-raw-message)
         max-connections(1000) log-iw-size(100000)
         tls(cert-file("%(directory)s/server.pem") key-file("%(directory)s/server.key")
             peer-verify(optional-untrusted)));
  syslog(ip("127.0.0.1") port(%(mtls)d) transport("tls") flags(store-raw-message)
         max-connections(1000) log-iw-size(100000)
         tls(cert-file("%(directory)s/server.pem") key-file("%(directory)s/server.key")
             ca-file("%(ca)s") peer-verify(required-trusted)));
};
log { source(tls); destination(records); flags(flow-control); };
"""


StartCollector = Callable[..., Collector]
