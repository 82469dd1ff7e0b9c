"""rsyslog and syslog-ng, private, on loopback: what they have stored is in a file.

Their settings are for many records: one UDP socket with a large receive buffer, a queue of 100,000
records, and flow control where the transport has it.
"""

import os
import pathlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from measure.missing import SBIN, MissingError, find_one, find_program
from measure.rounds import move_away
from receivers.receiver import make_certificate

QUIET = 0.4  # seconds without a new record, after which none is awaited

RSYSLOG = """
global(workDirectory="%(directory)s" preserveFQDN="on" net.enableDNS="off")
main_queue(queue.type="LinkedList" queue.size="100000" queue.workerThreads="1")
module(load="imudp")
module(load="imtcp")
module(load="imrelp")
template(name="record" type="string" string="%%hostname%% %%app-name%% %%msg%%\\n")
ruleset(name="records") {
  action(type="omfile" file="%(directory)s/records" template="record")
}
input(type="imudp" address="127.0.0.1" port="%(udp)d" rcvbufSize="4m" ruleset="records")
input(type="imtcp" address="127.0.0.1" port="%(tcp)d" ruleset="records")
input(type="imtcp" address="127.0.0.1" port="%(tls)d" ruleset="records"
      streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon"
      streamDriver.caFile="%(directory)s/certificate"
      streamDriver.certFile="%(directory)s/certificate"
      streamDriver.keyFile="%(directory)s/key")
input(type="imrelp" address="127.0.0.1" port="%(relp)d" ruleset="records")
"""
SYSLOG_NG = """@version: current
options { keep-hostname(yes); use-dns(no); dns-cache(no); stats-freq(0); };
source records {
  syslog(ip("127.0.0.1") port(%(udp)d) transport("udp") so-rcvbuf(4194304));
  syslog(ip("127.0.0.1") port(%(tcp)d) transport("tcp") log-iw-size(100000));
  network(ip("127.0.0.1") port(%(tcp-lf)d) transport("tcp") log-iw-size(100000));
  syslog(ip("127.0.0.1") port(%(tls)d) transport("tls") log-iw-size(100000)
         tls(cert-file("%(directory)s/certificate") key-file("%(directory)s/key")
             peer-verify(optional-untrusted)));
};
destination records {
  file("%(directory)s/records" template("${HOST} ${PROGRAM} ${MESSAGE}\\n")
       log-fifo-size(200000));
};
log { source(records); destination(records); flags(flow-control); };
"""


class Collector:
    """One daemon with its files in a directory. transports: where it listens; ports: of each."""

    name: str
    transports: tuple[str, ...]
    configuration: str

    def __init__(self, directory: pathlib.Path) -> None:
        command, variables = self.find(directory)
        setpriv = find_program("setpriv")
        make_certificate(directory)
        self.directory = directory
        self.ports = dict(zip(self.transports, find_ports(len(self.transports)), strict=True))
        self.records = directory / "records"
        self.records.touch()
        values = {"directory": directory, **self.ports}
        (directory / "configuration").write_text(self.configuration % values)
        # The kernel ends it should the benchmark be killed; the other variables are not for it.
        with (directory / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [setpriv, "--pdeathsig", "KILL", "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ.get("PATH", os.defpath), "TZ": "UTC", **variables},
            )
        move_away(self.process.pid)

    def find(self, directory: pathlib.Path) -> tuple[list[str], dict[str, str]]:
        """Return how it is run; MissingError: this machine does not have it."""
        raise NotImplementedError

    def wait(self) -> None:
        """Wait until it listens: UDP is there before TCP."""
        deadline = time.monotonic() + 20
        for transport in self.transports:
            while transport != "udp":
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name}: {(self.directory / 'output').read_text()}")
                try:
                    socket.create_connection(("127.0.0.1", self.ports[transport]), 1).close()
                    break
                except OSError:
                    time.sleep(0.02)

    def url(self, transport: str) -> str:
        options = {"tcp": "?framing=octet", "tls": f"?ca={self.directory}/certificate"}
        scheme = transport.removesuffix("-lf")
        return f"{scheme}://127.0.0.1:{self.ports[transport]}{options.get(transport, '')}"

    def discard(self) -> None:
        """Forget what came so late that nobody waited for it."""
        os.truncate(self.records, 0)

    def take(self, count: int) -> tuple[bytes, float]:
        """Return what it has stored, and when the last of it was, by the system's clock.

        It waits for so many records, but not long without a new one.
        """
        data, last = bytearray(), time.monotonic()
        with self.records.open("rb", buffering=0) as records:
            while data.count(b"\n") < count and time.monotonic() < last + QUIET:
                if found := records.read():
                    data += found
                    last = time.monotonic()
                time.sleep(0.01)
            end = os.fstat(records.fileno()).st_mtime
        os.truncate(self.records, 0)
        return bytes(data), end

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Rsyslog(Collector):
    name = "rsyslog"
    transports = ("udp", "tcp", "tls", "relp")
    configuration = RSYSLOG

    def find(self, directory: pathlib.Path) -> tuple[list[str], dict[str, str]]:
        daemon = find_program("rsyslogd", SBIN)
        for module, package in ("imrelp", "rsyslog-relp"), ("lmnsd_ossl", "rsyslog-openssl"):
            if not any(pathlib.Path("/usr/lib").glob(f"*/rsyslog/{module}.so")):
                raise MissingError(f"Debian's {package} is not on this machine")
        return [daemon, "-n", "-i", "NONE", "-f", str(directory / "configuration")], {}


class SyslogNg(Collector):
    """Installed or unpacked: its Debian package cannot be installed beside rsyslog's.

    SYSLOGFAST_SYSLOG_NG names the directory into which the packages were unpacked.
    """

    name = "syslog-ng"
    transports = ("udp", "tcp", "tcp-lf", "tls")
    configuration = SYSLOG_NG

    def find(self, directory: pathlib.Path) -> tuple[list[str], dict[str, str]]:
        unpacked = os.environ.get("SYSLOGFAST_SYSLOG_NG")
        if not unpacked:
            daemon, modules, variables = find_program("syslog-ng", SBIN), [], {}
        else:
            tree = pathlib.Path(unpacked).resolve()
            daemon = str(find_one(unpacked, "usr/sbin/syslog-ng"))
            module = find_one(unpacked, "usr/lib/**/libafsocket.so")
            modules = [f"--module-path={module.parent}"]
            libraries = {str(found.parent) for found in tree.glob("**/lib*.so.[0-9]")}
            variables = {"LD_LIBRARY_PATH": ":".join(sorted(libraries))}
        files = {"-f": "configuration", "-R": "persist", "-c": "control", "-p": "pid"}
        options = [text for flag, name in files.items() for text in (flag, str(directory / name))]
        return [daemon, *modules, "--foreground", "--stderr", "--no-caps", *options], variables


def find_ports(count: int) -> list[int]:
    """Return ports that are free for TCP now."""
    trials = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [trial.getsockname()[1] for trial in trials]
    for trial in trials:
        trial.close()
    return ports


@contextmanager
def run_collector(kind: type[Collector], directory: pathlib.Path) -> Iterator[Collector]:
    collector = kind(directory)
    try:
        collector.wait()
        yield collector
    finally:
        collector.stop()
