"""What docs/unikernels.md shows is true: what a machine says of its life."""

import pathlib
import platform
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
from support.crashes import leave_out_stack
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames
from support.page_sections import SEVERITIES, USER, Page, Run, Section, Stage, check_session
from support.receivers import collect

import syslogfast
from syslogfast.transports.url import parse_url

PAGE = Page("unikernels.md")


# A program that begins so finds the network of the page, or none.
NETWORK = """
import syslogfast.transports.network as network
guest = network.Network("eth0", "52:54:00:12:34:56", ["10.0.2.15/24"], "10.0.2.2", ["10.0.2.3"])
network.find_network = lambda: (guest, 0.0)
import syslogfast.lifecycle.clock as clock
clock.read_clock_quality = lambda: (True, 1234)
"""
NO_NETWORK = """
import syslogfast.transports.network as network
network.find_network = lambda: (None, 0.0)
"""
INSTALL = """
import ctypes, os, signal, sys, threading
import syslogfast
from syslogfast import lifecycle
log = syslogfast.connect("fd://1")
lifecycle.install(log, version="1.2", network_timeout=0)
"""
# What leads to a sign of life, and no other record of a kind of its own.
ALIVE = "lifecycle.install(log, version='1.2', heartbeat=0.05); import time; time.sleep(0.2)"
BACKENDS = ("c", "python") if syslogfast.BACKEND == "c" else ("python",)


def run_guest(stage: Stage, program: str, status: int = 0, backend: str = "") -> Run:
    """Run a program on the page's network, with the lines that it has on the page."""
    stage.write("guest.py", NETWORK)
    return stage.run(f"import guest; {program}", status, backend)


def read_life(run: Run) -> list[Rfc5424Record]:
    return [parse_rfc5424(record) for record in split_frames(run.out, "lf")]


def read_ticks() -> int:
    """Return what sysUpTime is now: hundredths of a second since the boot."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 10_000_000


def mask_timestamps(record: str) -> str:
    """Hide what tells when a record was made."""
    record = re.sub(r"(?<=>1 )[^ ]+Z|(?<=(?:booted|tarted)=\")[^\"]+Z", "TIME", record)
    record = re.sub(r"(?<=sysUpTime=\")\d+", "TICKS", record)
    return re.sub(r"\d+\.\d+(?= s after (?:boot|process start))", "SECONDS", record)


@PAGE.check("What to log, and when")
def check_life(section: Section, stage: Stage) -> None:
    """The records of the page come, with this machine's values in the place of the page's."""
    ticks = read_ticks()
    run = run_guest(stage, section.take("python"), 1)
    path = str(stage.folder / "shop.py")
    shown = section.take("text")
    for old, new in {
        'file="shop.py"': f'file="{path[-128:]}"',
        'File "shop.py"': f'File "{path}"',
        "Linux 6.1.0 x86_64": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpython 3.11.2": f"{sys.implementation.name} {platform.python_version()}",
        "0.2.0 c": f"{syslogfast.__version__} {syslogfast.BACKEND}",
        "vm-7 shop 1 ": f"vm-7 shop {run.pid} ",
        'pid="1"': f'pid="{run.pid}"',
        "PID 1;": f"PID {run.pid};",
    }.items():
        assert old in shown
        shown = shown.replace(old, new)
    assert mask_timestamps(run.out.decode()) == mask_timestamps(shown)
    for record in read_life(run):
        run.check_time(record.timestamp)
        meta = dict(dict(record.structured_data)["meta"])
        assert ticks <= int(meta.get("sysUpTime", ticks)) <= read_ticks()

    found = set()
    for before, end, status in (
        (NETWORK, "threading.Thread(target=lambda: [][0], name='till').start()", 0),
        (NETWORK, "raise ValueError", 1),
        (NETWORK, "os.kill(os.getpid(), signal.SIGTERM)", -15),
        (NETWORK, "os.abort()", -6),
        (NETWORK, ALIVE, 0),
        (NO_NETWORK, "pass", 0),
    ):
        for record in read_life(stage.run(before + INSTALL + end, status)):
            elements = [(key, [name for name, _ in pairs]) for key, pairs in record.structured_data]
            assert ("meta", ["sequenceId"]) in [(key, names[:1]) for key, names in elements]
            rest = "; ".join(
                f"`{key}`: {', '.join(f'`{name}`' for name in names)}"
                for key, names in elements
                if key != "meta" and (before is NETWORK or key != "origin")
            )
            severity = SEVERITIES[record.priority - USER]
            if before is NETWORK or not rest:
                found.add((f"`{record.msgid}`", severity, rest))
    expected = {(row[0], row[1], row[3]) for row in section.list_rows()}
    if syslogfast.BACKEND == "python":
        expected = {row for row in expected if not row[2].startswith("`signal@32473`: `name`, ")}
    assert found == expected


@PAGE.check("The flight recorder: records from before a crash")
def check_recorder(section: Section, stage: Stage) -> None:
    """The last of what was recorded comes before the crash, as the page shows it."""
    program = stage.listen(section.take("python"))
    assert program.count("1 << 18") == 1
    program = program.replace("1 << 18", "1 << 15")  # what a receiver has space for, who is late
    (receiver,) = stage.sockets
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    shown = [parse_rfc5424(line.encode()) for line in section.take("text").splitlines()]
    for backend in BACKENDS:
        with collect(receiver) as datagrams:
            stage.run(NETWORK + program, 1, backend)
        records = [parse_rfc5424(record) for record in datagrams]
        opened = [record.message for record in records].index("open")
        *recorded, crashed, _ = records[opened + 1 :]
        numbers = [int(dict(r.structured_data[0][1])["number"]) for r in recorded]
        assert numbers == list(range(numbers[0], 5001))
        assert 150 < len(numbers) < 400
        assert [r.message for r in recorded] == [f"{number} in the basket" for number in numbers]
        for example, record in zip(shown[1:3], (recorded[0], recorded[-1]), strict=True):
            assert (example.priority, example.msgid) == (record.priority, record.msgid)
            assert example.structured_data[0][0] == record.structured_data[0][0]
        assert (crashed.msgid, shown[3].msgid) == ("CRASHED", "CRASHED")
        assert list(dict(crashed.structured_data)) == list(dict(shown[3].structured_data))


@PAGE.check("Who stores it")
def check_stores(section: Section, stage: Stage) -> None:
    cells = [row[0] for row in section.list_rows()]
    urls = re.findall("`(.*?)`", " ".join(cells))
    assert [parse_url(url + "host" * url.endswith("/")).scheme for url in urls] == [
        *("udp", "tcp", "tls", "vsock", "fd"),
    ]


PAGE.check("When the log service is away")(check_session)
PAGE.check("Thousands on one host")(check_session)


@PAGE.check("What a machine can still send when it dies")
def check_ends(section: Section, stage: Stage) -> None:
    """Each row is a way to end; what it leads to comes after what is sent at the beginning."""
    rows = section.list_rows()
    assert len(rows) == 9
    for end, *sent, status in rows:
        for backend, named in zip(("c", "python"), sent, strict=True):
            if backend in BACKENDS:
                program = NETWORK + INSTALL + end.strip("`")
                run = stage.run(program, int(status), backend)
                found = [record.msgid for record in read_life(run)]
                assert found == ["BOOTED", "NETWORK-UP", *re.findall("`(.*?)`", named)]

    program = stage.listen(section.take("python"))
    if "c" in BACKENDS:
        lingering = INSTALL.replace('"fd://1"', '"fd://1", linger=60')
        run = stage.run(NETWORK + lingering + "log.flush()\nlog.info('sold')\nos.abort()", -6)
        assert [r.msgid for r in read_life(run)] == ["BOOTED", "NETWORK-UP", "-", "CRASHED"]
        assert program.count("logs.example.com") == 1
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            place = f"127.0.0.1:{deaf.getsockname()[1]}"
            program = program.replace("logs.example.com", place)
            stage.run(NETWORK + program + "import os\nos.abort()\n", -6)
        (record,) = stage.receive(1)
        parsed = parse_rfc5424(record)
        text = leave_out_stack(parsed.message)
        assert (parsed.msgid, text) == ("CRASHED", "about to crash: SIGABRT (Aborted)")
        signal = ("signal@32473", [("name", "SIGABRT"), ("number", "6")])
        assert parsed.structured_data == [("meta", [("sequenceId", "3")]), signal]


@PAGE.check("How a collector notices a silent death")
def check_alive(section: Section, stage: Stage) -> None:
    """The record has the page's parts; the collectors are run by interop/test_silent_death.py."""
    program = stage.listen(section.take("python")).replace("heartbeat=60", "heartbeat=0.2")
    stage.run(NETWORK + program + "import time\ntime.sleep(0.3)\n")
    _, _, sent, _ = map(parse_rfc5424, stage.receive(4))
    shown = parse_rfc5424(section.take("text").strip().encode())
    for found, expected in zip(sent.structured_data, shown.structured_data, strict=True):
        assert found[0] == expected[0]
        assert [name for name, _ in found[1]] == [name for name, _ in expected[1]]
    masked = [re.sub(r"\d+(\.\d+)?", "N", record.message or "") for record in (sent, shown)]
    assert masked[0] == masked[1]
    assert sent[:1] + sent[2:4] + sent[5:6] == shown[:1] + shown[2:4] + shown[5:6]
    assert dict(sent.structured_data)["queue@32473"] == dict(shown.structured_data)["queue@32473"]
    assert [block.language for block in section.left] == ["text", "text"]
    section.left.clear()


# Both give a list of the modules that are loaded; the second one then crashes.
LIST_OS = "import os, sys; print(*sys.modules)"
CRASH = """
import sys
sys.path.insert(0, sys.argv[1])
import syslogfast
from syslogfast import lifecycle
log = syslogfast.connect("tcp://localhost:601")
lifecycle.install(log)
log.flush()
print(*sys.modules)
sys.modules.setdefault("traceback", {})
raise ValueError("no")
"""


def crash(stage: Stage, url: str, traceback: str) -> set[str]:
    """Have a copy of the package in the folder crash; return the modules loaded before that."""
    code = CRASH.replace("tcp://localhost:601", url).replace("{}", traceback)
    command = [sys.executable, "-IS", "-c", code, str(stage.folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 1
    assert result.stderr.endswith("ValueError: no\n"), result.stderr
    return set(result.stdout.split())


@PAGE.check("Cost, and the files of an image")
def check_image(section: Section, stage: Stage) -> None:
    """Without the files of the table all goes on; of Python's own, what is named is enough."""
    package = pathlib.Path(syslogfast.__file__).parent
    shutil.copytree(package, stage.folder / "syslogfast")
    for row in section.list_rows():
        for name in re.findall("`(.*?)`", row[0]):
            path = stage.folder / "syslogfast" / name
            assert path.exists(), name
            if name.endswith("/"):
                shutil.rmtree(path)
            elif "c" in BACKENDS or not name.endswith("_py.py"):
                path.unlink()
    listed = subprocess.run([sys.executable, "-IS", "-c", LIST_OS], capture_output=True, text=True)
    sentence = section.text.partition("package imports")[2].partition("`traceback`")[0]
    named = {*listed.stdout.split(), *re.findall("`([a-z_]+)`", sentence)}
    for scheme in ("udp", "tcp"):
        kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
        for traceback, message in (
            ('__import__("traceback")', "about to crash: ValueError: no#012Traceback (most rec"),
            ("None", 'about to crash: ValueError: no#012  File "<string>", line 11, in <module>'),
        ):
            with socket.socket(socket.AF_INET, kind) as collector:
                collector.bind(("127.0.0.1", 0))
                collector.settimeout(10)
                if scheme == "tcp":
                    collector.listen()
                url = f"{scheme}://localhost:{collector.getsockname()[1]}"
                loaded = crash(stage, url, traceback)
                if scheme == "udp":
                    records = [collector.recv(65536) for _ in range(4)]
                else:
                    with collector.accept()[0] as connection, connection.makefile("rb") as file:
                        connection.settimeout(10)
                        records = split_frames(file.read(), "lf")
            others = {name for name in loaded if not re.match("syslogfast|_?cython_", name)}
            assert "c" not in BACKENDS or others <= named, others - named
            (crashed,) = [r for r in map(parse_rfc5424, records) if r.msgid == "CRASHED"]
            assert (crashed.message or "").startswith(message)
            assert "exception@32473" in dict(crashed.structured_data)


@pytest.mark.slow
@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    """Each section with blocks has a check here."""
    PAGE.run(heading, tmp_path)
