#!/usr/bin/env python3
"""Lets a hundred threads and their forks log for long, over a bad network, to a bad collector.

Two networks, here and there, are joined by a relay that loses, delays, doubles and reorders
packets; links go down, packets are dropped and refused, the MTU changes; rsyslog is killed, ended,
stopped, and its disk is full. What happens when is drawn from a seed, which is printed. At the end
each record is accounted for.
"""

import collections
import contextlib
import ctypes
import fcntl
import heapq
import json
import os
import pathlib
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from installed import run_in_build
from report import run_job

run_in_build()
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "soak"))

from emitting import MARKS, make_text  # noqa: E402
from support.certificates import Certificates, make_certificates  # noqa: E402
from support.grammar import parse_rfc5424  # noqa: E402
from support.namespaces import Networks, need_programs, run_ip  # noqa: E402

STORE = HERE.parents[1] / "examples/relays/store.py"
NEAR, FAR = "10.99.0.1", "10.99.0.2"
THREADS = 20  # of each process
PAUSE = 3.0  # seconds, on average, between two records, or bursts, of a thread
DISK = 1 << 29  # bytes of the collector's disk, which is memory
HELD = (1 << 19) + (
    1 << 17
)  # bytes that a break may cost: ours of delivery.md, and the collector's
SETTLING = 40.0  # seconds of the job that are left for the end
WINDOW = 128  # records of RELP that may be without an acknowledgement, or fewer
GROWTH = 6144  # KB of memory by which a process may be larger after most of the events
CLONE_NEWNS = 0x20000  # <linux/sched.h>
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000  # <linux/if_tun.h>


class Transport(NamedTuple):
    """A way to the collector, and what is promised of it.

    is_sure: nothing is lost that was sent. is_stream: only breaks lose something.
    """

    url: str
    options: dict[str, object]
    is_sure: bool = False
    is_stream: bool = True


TRANSPORTS = {
    "udp": Transport("udp://{far}:5141?retry=1", {}, is_stream=False),
    "tcp-lf": Transport("tcp://{far}:5142?framing=lf&{tries}", {"queue_bytes": 1 << 26}),
    "tcp-octet": Transport(
        "tcp://{far}:5142?framing=octet&{tries}",
        {"queue_bytes": 1 << 14, "overflow": "drop-oldest"},
    ),
    "tls": Transport("tls://{far}:5143?ca={ca}&name=localhost&{tries}", {"linger": 0.05}),
    "relp": Transport("relp://{far}:5144?{tries}", {"queue_bytes": 1 << 26}, is_sure=True),
    "relp-oldest": Transport(
        "relp://{far}:5144?{tries}",
        {"queue_bytes": 1 << 14, "overflow": "drop-oldest"},
        is_sure=True,
    ),
    "relp-newest": Transport("relp://{far}:5144?{tries}", {"queue_bytes": 1 << 14}, is_sure=True),
}
CONFIGURATION = """
global(workDirectory="%(folder)s" maxMessageSize="64k" net.enableDNS="off"
       parser.escapeControlCharactersOnReceive="off" parser.dropTrailingLFOnReception="off")
main_queue(queue.type="Direct")
module(load="imudp")
module(load="imtcp" maxSessions="1000")
module(load="imrelp" ruleset="records")
module(load="omprog")
template(name="line" type="string" string="%%rawmsg%%\\n")
ruleset(name="records") {
  action(type="omprog" binary="%(python)s -I %(store)s %(folder)s/disk/records" template="line"
         confirmMessages="on" action.resumeRetryCount="-1" action.resumeInterval="1")
}
input(type="imudp" port="5141" rcvbufSize="4m" ruleset="records")
input(type="imtcp" port="5142" ruleset="records")
input(type="imtcp" port="5143" ruleset="records"
      streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon"
      streamDriver.caFile="%(ca)s" streamDriver.certFile="%(certificate)s"
      streamDriver.keyFile="%(key)s")
input(type="imrelp" port="5144")
"""


# --- the network -------------------------------------------------------------------------------


def open_tun() -> int:
    """Make the device `tun0` in the network of this thread, for packets of IP."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    return tun


class Relay:
    """Takes packets from one network to the other, as well as its weather allows."""

    def __init__(self, ends: tuple[int, int], chance: random.Random) -> None:
        self.ends = ends
        self.chance = chance
        self.loss = self.doubling = self.delay = 0.0
        self.counts: collections.Counter[str] = collections.Counter()
        self.has_ended = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def change_weather(self) -> None:
        chance = self.chance
        self.loss = chance.choice((0.0, 0.01, 0.05, 0.08))
        self.doubling = chance.choice((0.0, 0.01, 0.03))
        self.delay = chance.choice((0.0, 0.005, 0.03, 0.09))  # at most: so packets overtake others

    def clear_weather(self) -> None:
        self.loss = self.doubling = self.delay = 0.0

    def _run(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        number = 0
        other = {self.ends[0]: self.ends[1], self.ends[1]: self.ends[0]}
        poll = select.poll()
        for end in self.ends:
            poll.register(end, select.POLLIN)
        while not self.has_ended:
            timeout = min(0.2, max(0.0, waiting[0][0] - time.monotonic())) if waiting else 0.2
            ready = poll.poll(timeout * 1000 + 0.5)
            if any(events & ~select.POLLIN for _, events in ready):
                time.sleep(0.02)  # a link is down
            for end, _ in ready:
                with contextlib.suppress(OSError):
                    while True:
                        packet = os.read(end, 1 << 16)
                        copies = self._count_copies()
                        for _ in range(copies):
                            due = time.monotonic() + self.delay * self.chance.random()
                            number += 1
                            heapq.heappush(waiting, (due, number, other[end], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(waiting)
                with contextlib.suppress(OSError):  # a link is down
                    os.write(end, packet)

    def _count_copies(self) -> int:
        self.counts["packets"] += 1
        if self.chance.random() < self.loss:
            self.counts["lost"] += 1
            return 0
        if self.chance.random() < self.doubling:
            self.counts["doubled"] += 1
            return 2
        return 1

    def close(self) -> None:
        self.has_ended = True
        self.thread.join()
        for end in self.ends:
            os.close(end)


# --- the collector -----------------------------------------------------------------------------


class Collector:
    """rsyslog, which acknowledges over RELP what is on its disk: docs/delivery.md."""

    def __init__(self, folder: pathlib.Path, networks: Networks, certificates: Certificates):
        self.folder = folder
        self.networks = networks
        self.disk = folder / "disk"
        self.disk.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", self.disk], check=True
        )
        self.records = self.disk / "records"
        (folder / "configuration").write_text(
            CONFIGURATION
            % {
                "folder": folder,
                "python": sys.executable,
                "store": STORE,
                "ca": certificates.ca,
                "certificate": certificates.server.certificate,
                "key": certificates.server.key,
            }
        )
        self.start()

    def start(self) -> None:
        command = ["rsyslogd", "-n", "-i", "NONE", "-f", str(self.folder / "configuration")]
        with self.networks.there(), (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command], stdout=output, stderr=output
            )
        time.sleep(0.3)
        words = (self.folder / "output").read_text(errors="replace")
        assert self.process.poll() is None, f"rsyslog does not start: {words[-2000:]}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def resize_disk(self, size: int) -> bool:
        """Give the disk so many bytes; False if they are too few for what is on it."""
        command = ["mount", "-o", f"remount,size={size}", str(self.disk)]
        return not subprocess.run(command, capture_output=True).returncode

    def fill_disk(self) -> None:
        """Leave less than a page of space, though what is on it still grows."""
        page = os.sysconf("SC_PAGE_SIZE")
        for _ in range(100):
            used = self.records.stat().st_size // page + 1 if self.records.exists() else 1
            if self.resize_disk(used * page):
                return
        raise RuntimeError("the disk cannot be made small")

    def empty_disk(self) -> None:
        assert self.resize_disk(DISK), "the disk cannot be made large again"


# --- what happens ------------------------------------------------------------------------------


def note(event: Callable[[], Callable[[], object]], breaks: list[float]) -> Any:
    """Return what takes down, too, when connections may have broken."""

    def call() -> Callable[[], object]:
        breaks.append(time.time())
        return event()

    return call


def run_there(networks: Networks, command: str) -> None:
    with networks.there():
        subprocess.run(command.split(), check=True, capture_output=True)


class World:
    """What may go wrong, by name: `break_it(name)` is undone by what it returns."""

    def __init__(self, networks: Networks, collector: Collector, chance: random.Random) -> None:
        self.networks = networks
        self.collector = collector
        self.chance = chance
        self.events: dict[str, Callable[[], Callable[[], object]]] = {
            "link down": self.take_link_down,
            "mtu 576": self.shrink_mtu,
            "packets dropped": lambda: self.filter("DROP"),
            "packets rejected": lambda: self.filter("REJECT"),
            "connections reset": lambda: self.filter("REJECT --reject-with tcp-reset", "-p tcp"),
            "collector killed": self.kill_collector,
            "collector ended": self.end_collector,
            "collector stopped": self.stop_collector,
            "collector killed amid a backlog": self.kill_amid_backlog,
            "disk full": self.fill_disk,
        }

    def take_link_down(self) -> Callable[[], object]:
        run_ip("link set tun0 down")
        return lambda: run_ip("link set tun0 up")

    def shrink_mtu(self) -> Callable[[], object]:
        run_ip("link set tun0 mtu 576")
        return lambda: run_ip("link set tun0 mtu 1500")

    def filter(self, target: str, what: str = "") -> Callable[[], object]:
        rule = f"INPUT -i tun0 {what} -j {target}"
        run_there(self.networks, f"iptables -w -A {rule}")
        return lambda: run_there(self.networks, f"iptables -w -D {rule}")

    def kill_collector(self) -> Callable[[], object]:
        self.collector.kill()
        return self.collector.start

    def end_collector(self) -> Callable[[], object]:
        self.collector.end()
        return self.collector.start

    def stop_collector(self) -> Callable[[], object]:
        process = self.collector.process
        process.send_signal(signal.SIGSTOP)
        return lambda: process.send_signal(signal.SIGCONT)

    def kill_amid_backlog(self) -> Callable[[], object]:
        """Have it break just while what has waited goes, so that records are half sent."""
        self.collector.process.send_signal(signal.SIGSTOP)
        time.sleep(8)
        self.collector.process.send_signal(signal.SIGCONT)
        time.sleep(self.chance.uniform(0.1, 1.5))
        return self.kill_collector()

    def fill_disk(self) -> Callable[[], object]:
        self.collector.fill_disk()
        return self.collector.empty_disk


# --- who emits ---------------------------------------------------------------------------------


class Program:
    """A process of soak/emitting.py on one transport."""

    def __init__(self, name: str, folder: pathlib.Path, ca: pathlib.Path, seed: int) -> None:
        self.name = name
        self.transport = TRANSPORTS[name]
        self.folder = folder / name
        self.folder.mkdir()
        url = self.transport.url.format(far=FAR, ca=ca, tries="retry=2&keepalive=15")
        options = {"hostname": "here", "app_name": name, **self.transport.options}
        program = [sys.executable, "-I", str(HERE / "soak/emitting.py"), url, json.dumps(options)]
        arguments = [str(THREADS), str(PAUSE), f"{seed} {name}", str(self.folder)]
        self.stderr = self.folder / "stderr"
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self.read()

    def write(self, command: str) -> None:
        assert self.process.stdin
        print(command, file=self.process.stdin, flush=True)

    def read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"{self.name} has died: {self.stderr.read_text()[-2000:]}"
        return json.loads(line)  # type: ignore[no-any-return]

    def measure(self) -> tuple[int, int]:
        """Return the memory in KB, and how many descriptors are open."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        (found,) = re.findall(r"VmRSS:\s+(\d+)", status)
        return int(found), len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


# --- the account -------------------------------------------------------------------------------


class Stored(NamedTuple):
    """What the collector has of one process."""

    numbers: collections.Counter[int]
    told: collections.Counter[str]
    cut: list[str]
    marks: set[int]  # of the last records, which the main thread numbers


def read_stored(data: bytes, findings: list[str]) -> dict[str, Stored]:
    """Return it by PROCID; all that is not valid, or not what was emitted, is a finding."""
    stored: dict[str, Stored] = collections.defaultdict(
        lambda: Stored(collections.Counter(), collections.Counter(), [], set())
    )
    for line in data.split(b"\n")[:-1]:
        try:
            record = parse_rfc5424(line)
        except ValueError as error:
            # rsyslog keeps what a connection has brought of a record until it broke.
            begun = re.match(rb"<\d+>1 \S+ (.*)", line, re.DOTALL)
            names = b"here tcp-lf "
            is_of_lf = begun and (begun[1].startswith(names) or names.startswith(begun[1]))
            if is_of_lf or re.match(rb"<\d*>?[^ ]*( [^ ]*)?$", line):
                stored["cut off"].cut.append(repr(line))
            else:
                findings.append(f"not valid: {error}: {line!r}")
            continue
        found = stored[record.procid]
        elements = {name: dict(parameters) for name, parameters in record.structured_data}
        if record.msgid == "DROPPED":
            told = {**elements["dropped@32473"]}
            told.pop("since")
            if not found.numbers[int(elements["meta"]["sequenceId"])]:
                found.told.update({reason: int(count) for reason, count in told.items()})
        else:
            process, thread, number = map(int, (record.message or "").split(" ", 3)[:3])
            expected = make_text(process, thread, number).replace("\n", "#012")
            if record.message != expected:
                if not expected.startswith(record.message or "") or record.app_name not in (
                    "udp",  # of a datagram that is too long
                    "tcp-lf",  # of a connection that broke
                ):
                    findings.append(f"{record.app_name}: text {record.message!r}, not {expected!r}")
                    continue
                if record.app_name == "tcp-lf":
                    found.cut.append(repr(line))
                    continue
            if thread == THREADS:
                found.marks.add(number)
        found.numbers[int(elements["meta"]["sequenceId"])] += 1
    return stored


def check_balance(name: str, given: dict[str, Any], findings: list[str]) -> int:
    """Return how many records were dropped."""
    stats = given["stats"]
    dropped = sum(stats["dropped"].values())
    if stats["offered"] != stats["sent"] + stats["queued"] + dropped:
        findings.append(f"{name}: the balance of {stats}")
    if stats["queued"]:
        findings.append(f"{name}: still queued: {stats}")
    return dropped


def count_runs(numbers: collections.Counter[int], offered: int) -> int:
    """Return how many times one or more records in a row are missing."""
    missing = [number for number in range(1, offered + 1) if not numbers[number]]
    return sum(
        number - 1 != before for before, number in zip([-1, *missing], missing, strict=False)
    )


def account(
    program: Program, answer: dict[str, Any], stored: dict[str, Stored], breaks: list[float]
) -> tuple[dict[str, int], list[str]]:
    """Return the figures of a transport, and the findings."""
    name, transport = program.name, program.transport
    findings: list[str] = []
    children = [json.loads(path.read_text()) for path in program.folder.glob("child-*")]
    if len(children) != answer["children"] or answer["failed"]:
        findings.append(f"{name}: of {answer['children']} forks {len(children)} have ended well")
    totals: collections.Counter[str] = collections.Counter(
        {
            "offered": 0,
            "lost": 0,
            "reconnects": 0,
            "doubled": 0,
            "dropped": 0,
            "told": 0,
            "forks": len(children),
        }
    )
    for given in (answer, *children):
        stats = given["stats"]
        found = stored[str(given["process"])]
        dropped = check_balance(name, given, findings)
        lost = stats["offered"] - dropped - len(+found.numbers)
        # What RELP had sent, but nobody had acknowledged when the connection broke, may be dropped
        # afterwards, as the oldest, although it is stored.
        most_stored = stats["reconnects"] * WINDOW if name == "relp-oldest" else 0
        if lost < -most_stored:
            findings.append(f"{name}: {-lost} records were stored that count as dropped: {stats}")
        totals["offered"] += stats["offered"]
        totals["dropped"] += dropped
        totals["reconnects"] += stats["reconnects"]
        totals["told"] += sum(found.told.values())
        totals["lost"] += max(0, lost)
        totals["doubled"] += found.numbers.total() - len(+found.numbers)
        if transport.is_sure and lost > 0:
            missing = [n for n in range(1, stats["offered"] + 1) if not found.numbers[n]]
            findings.append(f"{name}: lost {lost}, with those dropped {missing[:20]}; {stats}")
        if transport.is_stream and given is answer:
            reconnects = stats["reconnects"]
            size = stats["bytes"] // max(1, stats["sent"])
            if lost * size > reconnects * HELD:
                findings.append(f"{name}: lost {lost} of {size} octets by {reconnects} breaks")
            runs = count_runs(found.numbers, stats["offered"])
            if not dropped and runs > reconnects:
                findings.append(f"{name}: lost {lost} in {runs} parts by {reconnects} breaks")
        elif transport.is_stream and lost:
            broke = [moment for moment in breaks if -30 < moment - given["time"] + 60 < 90]
            if not broke:
                findings.append(f"{name}: a fork lost {lost}, and nothing broke: {stats}")
    for line in program.stderr.read_text().splitlines():
        if found_lost := re.search(r"; records not sent: (\d+)", line):
            totals["told"] += int(found_lost[1])
        elif not re.match("syslogfast: .*; records waiting: ", line):
            findings.append(f"{name}: standard error: {line}")
    # A record that tells of drops may be lost with a connection, or be dropped as the oldest.
    is_exact = transport.options.get("overflow") != "drop-oldest" and (
        transport.is_sure or not totals["lost"]
    )
    if totals["told"] > totals["dropped"] or (is_exact and totals["told"] < totals["dropped"]):
        findings.append(f"{name}: dropped {totals['dropped']}, told of {totals['told']}")
    if not transport.is_stream and totals["lost"] > 0.75 * totals["offered"]:
        findings.append(f"{name}: lost {totals['lost']} of {totals['offered']}")
    return dict(totals), findings


# --- the job -----------------------------------------------------------------------------------


@contextlib.contextmanager
def build_networks(chance: random.Random) -> Iterator[tuple[Networks, Relay]]:
    networks = Networks()
    tuns = []
    for place, address in ((contextlib.nullcontext, NEAR), (networks.there, FAR)):
        with place():
            tuns.append(open_tun())
            run_ip(f"addr add {address}/24 dev tun0")
            run_ip("link set tun0 up")
    with networks.there():  # as small as those of emitting.py, see there
        pathlib.Path("/proc/sys/net/ipv4/tcp_rmem").write_text("4096 8192 8192")
    relay = Relay((tuns[0], tuns[1]), chance)
    try:
        yield networks, relay
    finally:
        relay.close()
        networks.close()


def live(
    world: World, relay: Relay, chance: random.Random, until: float
) -> collections.Counter[str]:
    """Have things happen, each kind as often as the others, until it is time."""
    counts: collections.Counter[str] = collections.Counter()
    while time.monotonic() < until:
        names = list(world.events)
        chance.shuffle(names)
        for name in names:
            if time.monotonic() > until:
                break
            relay.change_weather()
            undo = world.events[name]()
            counts[name] += 1
            time.sleep(chance.uniform(1, 5))
            undo()
            time.sleep(chance.uniform(0.5, 5))
    relay.clear_weather()
    return counts


def soak(seconds: float) -> dict[str, object]:
    need_programs("iptables", "rsyslogd", "setpriv", "openssl", "mount")
    seed = int(os.environ.get("SYSLOGFAST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SYSLOGFAST_SEED={seed}", flush=True)
    ctypes.CDLL(None).unshare(CLONE_NEWNS)
    subprocess.run(["mount", "--make-rprivate", "/"], stderr=subprocess.DEVNULL)  # not in a chroot
    chance = random.Random(seed)
    began = time.monotonic()
    breaks: list[float] = []
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificates = make_certificates(folder)
        networks, relay = stack.enter_context(build_networks(random.Random(f"{seed} relay")))
        collector = Collector(folder, networks, certificates)
        stack.callback(subprocess.run, ["umount", "-l", str(collector.disk)], check=True)
        stack.callback(collector.kill)
        programs = [Program(name, folder, certificates.ca, seed) for name in TRANSPORTS]
        for program in programs:
            stack.callback(program.close)
        world = World(networks, collector, chance)
        for name, event in world.events.items():
            if name not in ("mtu 576", "collector stopped", "disk full"):
                world.events[name] = note(event, breaks)
        time.sleep(seconds / 20)
        counts = live(world, relay, chance, began + seconds * 0.35)  # all has been loaded by then
        before = [program.measure() for program in programs]
        counts += live(world, relay, chance, began + seconds - SETTLING)
        findings: list[str] = []
        for command in ("rest", "mark", "end"):
            for program in programs:
                program.write(command)
            answers = [program.read() for program in programs]
            for program, answer in zip(programs, answers, strict=True):
                if not answer["flushed"]:
                    findings.append(f"{program.name}: {command} leaves {answer['stats']}")
            if command == "mark":
                after = [program.measure() for program in programs]
        time.sleep(3)
        collector.end()
        data = collector.records.read_bytes()
        stored = read_stored(data, findings)
        figures: dict[str, object] = {"stored": data.count(b"\n"), "events": counts.total()}
        for program, answer, first, last in zip(programs, answers, before, after, strict=True):
            name = program.name
            found, more = account(program, answer, stored, breaks)
            findings += more
            figures[name] = " ".join(f"{key} {value}" for key, value in found.items())
            if stored[str(answer["process"])].marks != set(range(MARKS)):
                findings.append(
                    f"{name}: the last records have not arrived, though all was well again"
                )
            if last[0] > first[0] + GROWTH or last[1] > first[1] + 2:
                findings.append(f"{name}: KB and descriptors {first}, at the end {last}")
    print(f"events: {dict(counts)}, packets: {dict(relay.counts)}")
    cut = [line for found in stored.values() for line in found.cut]
    if len(cut) > len(breaks):
        findings.append(f"{len(cut)} records are cut off, by {len(breaks)} breaks: {cut[:5]}")
    print(json.dumps(figures, indent=1))
    assert not findings, "\n".join([f"{len(findings)} findings, seed {seed}", *findings])
    return figures


if __name__ == "__main__":
    run_job(soak, short=300, long=3600)
