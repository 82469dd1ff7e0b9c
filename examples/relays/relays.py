"""One relay tier on this machine: emitters, two relays, one central collector; a relay dies.

usage: python3 relays.py [tcp | relp] [kill | terminate] [relay | central]

All three are real rsyslogs with the configurations of this folder, but for ports and paths. The
last argument says which of them hangs before the relay ends.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

import syslogfast

HERE = pathlib.Path(__file__).parent
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on the PATH of an ordinary user
PORTS = {"tcp": "601", "relp": "2514"}  # in the configurations
ENDS = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM}
LIMIT = 20.0  # seconds for a daemon to start or to end
EMITTERS, GUESTS = 8, 4  # guests of each
QUIET = 1.0  # seconds without a new record, after which no more are awaited

Connect = Callable[..., syslogfast.Emitter]
Number = tuple[str, int]  # a record, by its HOSTNAME and its sequenceId


def find_missing() -> str | None:
    """Say what this machine has not that is needed."""
    if find_rsyslog() is None:
        return "rsyslog is not on this machine"
    if not any(pathlib.Path("/usr/lib").glob("*/rsyslog/imrelp.so")):
        return "Debian's rsyslog-relp is not on this machine"
    return None


def find_rsyslog() -> str | None:
    return shutil.which("rsyslogd", path=os.environ.get("PATH", os.defpath) + ":" + SBIN)


def choose_ports(count: int) -> list[int]:
    """Return free ports below those that the kernel gives to clients: they stay free."""
    found: list[int] = []
    port = 20000 + os.getpid() % 10000
    while len(found) < count:
        port += 1
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    return found


class Rsyslog:
    """A daemon with a folder of its own; its files there outlive it."""

    def __init__(self, configuration: str, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.ports = dict(zip(PORTS, choose_ports(len(PORTS)), strict=True))
        for transport, port in self.ports.items():
            configuration = re.sub(
                rf'^(input\(type="im{transport}") port="{PORTS[transport]}"',
                rf'\1 address="127.0.0.1" port="{port}"',
                configuration,
                flags=re.MULTILINE,
            )
        assert 'address="127.0.0.1"' in configuration
        for path in ("/var/spool/rsyslog", "/var/log"):
            configuration = configuration.replace(f'"{path}', f'"{folder}')
        self.transports = [
            transport for transport in PORTS if f'type="im{transport}"' in configuration
        ]
        (folder / "conf").write_text(configuration)
        self.start()

    def start(self) -> None:
        daemon = [find_rsyslog() or "rsyslogd", "-n", "-i", "NONE", "-f", str(self.folder / "conf")]
        # setpriv becomes the daemon, which the kernel then kills when this thread dies.
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *daemon],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + LIMIT
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.end(signal.SIGKILL)
                raise RuntimeError((self.folder / "output").read_text(encoding="utf-8"))
            time.sleep(0.01)

    def listens(self) -> bool:
        """Ask the kernel: a trial connection would become a message in the log."""
        rows = pathlib.Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
        columns = [row.split() for row in rows]
        listening = {int(row[1].partition(":")[2], 16) for row in columns if row[3] == "0A"}
        return {self.ports[transport] for transport in self.transports} <= listening

    def end(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Tier:
    """The central collector and two relays before it, by the configuration of either transport."""

    def __init__(
        self, transport: str, folder: pathlib.Path, change: Callable[[str], str] = str
    ) -> None:
        self.transport = transport
        self.daemons: list[Rsyslog] = []
        central = (HERE / "central.conf").read_text(encoding="utf-8")
        self.central = self.add(central, folder / "central")
        relay = change((HERE / f"relay-{transport}.conf").read_text(encoding="utf-8"))
        target = f'target="central.example.com" port="{PORTS[transport]}"'
        assert relay.count(target) == 1
        relay = relay.replace(target, f'target="127.0.0.1" port="{self.central.ports[transport]}"')
        self.relays = [self.add(relay, folder / name) for name in ("relay1", "relay2")]
        self.urls = [f"{transport}://127.0.0.1:{relay.ports[transport]}" for relay in self.relays]

    def add(self, configuration: str, folder: pathlib.Path) -> Rsyslog:
        try:
            self.daemons.append(Rsyslog(configuration, folder))
        except BaseException:
            self.close()
            raise
        return self.daemons[-1]

    def read_stored(self) -> list[tuple[int, Number]]:
        """Return when the central collector got each record, in nanoseconds, and which it is."""
        path = self.central.folder / "fleet.log"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [
            (round(datetime.fromisoformat(timestamp).timestamp() * 1e9), (host, int(number)))
            for timestamp, host, number in re.findall(
                r'^(\S+) (vm-\d+) .*?\[meta sequenceId="(\d+)"\]', text, re.MULTILINE
            )
        ]

    def await_quiet(self, count: int) -> list[tuple[int, Number]]:
        """Return what is stored when all of them are, or no more come."""
        path = self.central.folder / "fleet.log"
        size = 0
        last = time.monotonic()
        while time.monotonic() < last + QUIET:
            time.sleep(0.1)
            text = path.read_bytes() if path.exists() else b""
            if len(text) > size:
                size, last = len(text), time.monotonic()
            # Only what may be all of it is worth reading.
            if text.count(b"\n") >= count and self.count_different() >= count:
                break
        return self.read_stored()

    def count_different(self) -> int:
        return len({number for _, number in self.read_stored()})

    def close(self) -> None:
        for daemon in self.daemons:
            daemon.end(signal.SIGKILL)


class Load:
    """Emitters that log at a steady pace until they are told to end, each for some guests."""

    def __init__(self, connect: Connect, urls: list[str], rate: float) -> None:
        self.emitters = [
            connect(*urls, sequence_ids=True, hostname="host", app_name="shop", procid=1)
            for _ in range(EMITTERS)
        ]
        self.guests = [
            emitter.child(hostname=f"vm-{number}")
            for number, emitter in enumerate(self.emitters * GUESTS)
        ]
        self.rate = rate
        self.timestamps: dict[Number, int] = {}  # when each was logged
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._log)
        self._thread.start()

    def _log(self) -> None:
        start = time.monotonic()
        number = 0
        while not self._is_over.is_set():
            number += 1
            for index, guest in enumerate(self.guests):
                self.timestamps[f"vm-{index}", number] = time.time_ns()
                guest.info("sold %d books to somebody who reads logs", number)
            pause = start + number * len(self.guests) / self.rate - time.monotonic()
            if pause > 0:
                time.sleep(pause)

    def end(self) -> list[dict]:
        """Return the statistics of the emitters, when all is sent."""
        self._is_over.set()
        self._thread.join()
        for emitter in self.emitters:
            emitter.flush(LIMIT)
            emitter.close()
        return [emitter.stats for emitter in self.emitters]


class Account(NamedTuple):
    """What became of the records; times in nanoseconds since 1970."""

    logged: dict[Number, int]  # when each was
    stored: list[tuple[int, Number]]
    died: tuple[int, int]  # when the relay was told to, and when it was back
    stats: list[dict]

    @property
    def lost(self) -> set[Number]:
        return self.logged.keys() - {number for _, number in self.stored}

    @property
    def doubled(self) -> int:
        return len(self.stored) - len({number for _, number in self.stored})

    @property
    def reordered(self) -> int:
        """How many came for the first time after a later one of the same guest."""
        latest: dict[str, int] = {}
        late = 0
        for host, number in dict.fromkeys(number for _, number in self.stored):
            late += number < latest.get(host, 0)
            latest[host] = max(number, latest.get(host, 0))
        return late

    @property
    def silence(self) -> int:
        """The longest time in which no record arrived."""
        timestamps = sorted(timestamp for timestamp, _ in self.stored)
        return max(b - a for a, b in pairwise(timestamps))


def lose_relay(
    transport: str,
    end: str,
    folder: pathlib.Path,
    hangs: str = "",
    connect: Connect = syslogfast.connect,
    change: Callable[[str], str] = str,
    rate: float = 4000,
    after: float = 1.8,
) -> Account:
    """Log while the first relay ends, and comes back; return what became of the records.

    hangs: "relay" or "central" is suspended 0.3 s before that end, and resumed 0.2 s after it.
    change: what the configuration of the relays is to be, if not the file's.
    rate: records a second; after: seconds to log on when the relay is back, which the emitters
        need about 1.5 of to return to it.
    """
    tier = Tier(transport, folder, change)
    hanging = {"relay": tier.relays[:1], "central": [tier.central]}.get(hangs, [])
    try:
        load = Load(connect, tier.urls, rate)
        try:
            time.sleep(0.5)
            for daemon in hanging:
                daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            died = time.time_ns()
            tier.relays[0].process.send_signal(ENDS[end])
            time.sleep(0.2)
            for daemon in hanging:
                daemon.process.send_signal(signal.SIGCONT)
            tier.relays[0].end(ENDS[end])
            time.sleep(0.2)
            tier.relays[0].start()
            back = time.time_ns()
            time.sleep(after)
        finally:
            stats = load.end()
        stored = tier.await_quiet(len(load.timestamps))
        return Account(load.timestamps, stored, (died, back), stats)
    finally:
        tier.close()


def measure_rate(
    transport: str,
    folder: pathlib.Path,
    count: int,
    message: str,
    change: Callable[[str], str] = str,
) -> float:
    """Return how many records a second come through one relay, if they all wait for it."""
    tier = Tier(transport, folder, change)
    try:
        emitters = [
            syslogfast.connect(
                tier.urls[0], queue_bytes=1 << 24, sequence_ids=True, hostname=f"vm-{number}"
            )
            for number in range(EMITTERS)
        ]
        for _ in range(count // EMITTERS):
            for emitter in emitters:
                emitter.info(message)
        for emitter in emitters:
            emitter.flush(LIMIT)
            emitter.close()
        stored = tier.await_quiet(count)
        if tier.count_different() != count // EMITTERS * EMITTERS:
            raise RuntimeError(f"{count} records were logged, {len(stored)} lines are stored")
        timestamps = [timestamp for timestamp, _ in stored]
        return len(stored) / (max(timestamps) - min(timestamps)) * 1e9
    finally:
        tier.close()


if __name__ == "__main__":
    missing = find_missing()
    if missing:
        sys.exit(missing)
    transport, end, hangs = (*sys.argv[1:], *("tcp", "kill", "")[len(sys.argv) - 1 :])
    with tempfile.TemporaryDirectory() as folder:
        account = lose_relay(transport, end, pathlib.Path(folder), hangs)
    print(f"{len(account.logged)} logged, {len(account.stored)} stored")
    print(f"{len(account.lost)} lost, {account.doubled} doubled, {account.reordered} out of order")
    print(f"longest time without a record {account.silence / 1e6:.0f} ms")
