"""SIGTERM and SIGHUP while records linger: they arrive, and the signal does what it always does."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest
from support.backends import load_backend
from support.grammar import parse_rfc5424, split_frames
from support.namespaces import isolate
from support.receivers import LIMIT, Collector, Sink, collect_by, url_of, wait_until

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGHUP"), reason="there are no such signals here"
)

PYTHON = [sys.executable, "-I"]
BEGIN = """
import os, signal, sys, time
import syslogfast
for number in (signal.SIGTERM, signal.SIGHUP):  # which is ignored in the background
    signal.signal(number, signal.SIG_DFL)
log = syslogfast.connect(sys.argv[1], linger=float(sys.argv[2]), hostname="web1", app_name="shop",
                         protocol="rfc5424")
log.error("opened")
log.flush()
def speak(count=100):
    for number in range(count):
        log.info("%d", number)
"""
SPEAK_AND_DIE = "speak()\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(20)\n"
ALL = ["opened", *map(str, range(100))]


@pytest.fixture(autouse=True)
def compiled() -> None:
    """Only C can do this: skip where it is not built."""
    load_backend("c")


def run(
    code: str, *arguments: str, backend: str = "c", before: Sequence[str] = ()
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        # A fork beside threads, which is the matter here, is warned of from Python 3.12 on.
        [*before, *PYTHON, "-W", "ignore::DeprecationWarning", "-c", BEGIN + code, *arguments],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        capture_output=True,
        timeout=6 * LIMIT,
    )


@pytest.fixture(params=["udp", "tcp", "unix"])
def collector(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Collector]:
    with collect_by(request.param, tmp_path) as collector:
        yield collector


@pytest.fixture
def tcp(tmp_path: pathlib.Path) -> Iterator[Collector]:
    with collect_by("tcp", tmp_path) as collector:
        yield collector


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_lingers_is_sent(collector: Collector, number: signal.Signals) -> None:
    """All of it, once, and the exit status is the signal's."""
    code = f"speak()\nos.kill(os.getpid(), {number:d})\ntime.sleep(20)\n"
    done = run(code, collector.url, "0.1")
    assert (done.returncode, done.stderr) == (-number, b"")
    assert collector.read(101) == ALL


def test_much_that_lingers(tcp: Collector) -> None:
    """More than a block of the queue has, among it what was dropped."""
    code = """
log._sender.queue.threshold = 1 << 62
for number in range(900):
    log.info("%d %s", number, "x" * 200)
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = run(code, tcp.url, "100")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    texts = tcp.read(901)
    assert [str(text).split()[0] for text in texts] == ["opened", *map(str, range(900))]


def test_all_emitters(tcp: Collector, tmp_path: pathlib.Path) -> None:
    """Those that were closed are left out, and so is none that is open."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
        second.bind(("127.0.0.1", 0))
        second.settimeout(LIMIT)
        code = """
closed = syslogfast.connect(sys.argv[3], linger=100.0)
closed.info("closed")
closed.close()
other = syslogfast.connect(sys.argv[3], linger=100.0)
other.info("other")
while other._sender._transport is None:
    time.sleep(0.01)
speak()
os.kill(os.getpid(), signal.SIGTERM)
"""
        done = run(code, tcp.url, "100", url_of(second))
        assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
        texts = [parse_rfc5424(second.recv(1 << 16)).message for _ in range(2)]
        assert texts == ["closed", "other"]
    assert tcp.read(101) == ALL


PUT_BACK = {
    # Whoever serves takes the signal, and at its end puts back what was there, and raises it.
    "as uvicorn": """
former = signal.signal(signal.SIGTERM, lambda number, frame: None)
os.kill(os.getpid(), signal.SIGTERM)
speak()
signal.signal(signal.SIGTERM, former)
signal.raise_signal(signal.SIGTERM)
""",
    "from outside": """
former = signal.signal(signal.SIGTERM, lambda number, frame: None)
signal.signal(signal.SIGTERM, former)
speak()
os.kill(os.getpid(), signal.SIGTERM)
""",
    "and another emitter": """
former = signal.signal(signal.SIGTERM, lambda number, frame: None)
syslogfast.connect("udp://127.0.0.1:9", linger=1.0)
signal.signal(signal.SIGTERM, former)
speak()
os.kill(os.getpid(), signal.SIGTERM)
""",
}


@pytest.mark.parametrize("how", PUT_BACK)
def test_what_was_there_is_put_back(tcp: Collector, how: str) -> None:
    done = run(PUT_BACK[how] + "time.sleep(20)\n", tcp.url, "100")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    assert tcp.read(101) == ALL


AFTER_A_SERVER = {
    # The emitter is made when the signal is a server's, which at its end gives back the default.
    "uvicorn": "log = connect()\n",
    "and again": "log = connect()\nserve()\n",
    "by a thread": """
import threading
thread = threading.Thread(target=lambda: globals().update(log=connect()))
thread.start()
thread.join()
""",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("how", AFTER_A_SERVER)
def test_the_default_comes_back(tcp: Collector, how: str, number: signal.Signals) -> None:
    code = f"""
log.close()
class Server:
    def handle(self, number, frame):
        pass
def serve():
    signal.signal({number:d}, Server().handle)
def connect():
    return syslogfast.connect(sys.argv[1], linger=100.0, hostname="web1", protocol="rfc5424")
serve()
{AFTER_A_SERVER[how]}
speak(1)
log.flush()
os.kill(os.getpid(), {number:d})
speak()
signal.signal({number:d}, signal.SIG_DFL)
signal.raise_signal({number:d})
time.sleep(20)
"""
    done = run(code, tcp.url, "100")
    assert (done.returncode, done.stderr) == (-number, b"")
    assert tcp.read(102) == ["opened", "0", *ALL[1:]]


def test_the_default_stays_when_all_are_closed(tcp: Collector) -> None:
    code = """
log.close()
signal.signal(signal.SIGTERM, type("Server", (), {"handle": lambda *_: None})().handle)
syslogfast.connect(sys.argv[1], linger=100.0).close()
signal.signal(signal.SIGTERM, signal.SIG_DFL)
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
"""
    done = run(code, tcp.url, "100")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"True\n", b"")


@pytest.mark.parametrize("repetition", range(8))
def test_amid_a_send(tcp: Collector, repetition: int) -> None:
    """The thread that sends is interrupted by it, at any point: no record is torn or doubled."""
    code = """
import random
log._sender.queue.threshold = 0  # who emits sends
signal.setitimer(signal.ITIMER_REAL, 0.001 + random.random() * 0.02)
signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
number = 0
while True:
    os.write(1, b"x")
    log.error("%d", number)
    number += 1
"""
    done = run(code, tcp.url, "100")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    emitted = len(done.stdout)
    texts = tcp.read(emitted)
    assert texts == ["opened", *map(str, range(len(texts) - 1))]
    assert emitted - 1 <= len(texts) - 1 <= emitted


def test_amid_a_send_by_python(tcp: Collector) -> None:
    """What is on its way is not sent by C: the sender goes on, and the end comes after it."""
    code = """
class Own:
    def __init__(self, stream):
        self.stream = stream
    def __getattr__(self, name):
        return getattr(self.stream, name)
    def send(self, data, flags=0):
        os.kill(os.getpid(), signal.SIGTERM)
        return self.stream.send(data, flags)
transport = log._sender._transport
transport._socket = Own(transport._socket)
speak()
log._sender.pump()
time.sleep(20)
"""
    done = run(code, tcp.url, "100")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    assert tcp.read(101) == ALL


def test_one_of_two_is_given_up(tcp: Collector) -> None:
    """To take a lifecycle away from one emitter leaves the signal to those that linger."""
    code = """
import syslogfast.lifecycle
other = syslogfast.connect(sys.argv[3], linger=0)
parts = dict.fromkeys(("boot", "network", "end", "termination"), False)
syslogfast.lifecycle.install(other, **parts).uninstall()
"""
    done = run(code + SPEAK_AND_DIE, tcp.url, "100", "udp://127.0.0.1:9")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    assert tcp.read(101) == ALL


@pytest.mark.parametrize(
    "code",
    [
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nBEGIN",
        "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'own'))\nBEGIN",
    ],
)
def test_other_actions_stay(tcp: Collector, code: str) -> None:
    """What a program has decided for the signal is not touched."""
    begin = code.replace(
        "BEGIN", BEGIN.replace("(signal.SIGTERM, signal.SIGHUP)", "(signal.SIGHUP,)")
    )
    program = f"""import signal, os
{begin}
former = signal.getsignal(signal.SIGTERM)
os.kill(os.getpid(), signal.SIGTERM)
speak()
log.close()
"""
    done = subprocess.run([*PYTHON, "-c", program, tcp.url, "100"], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (b"own" if "own" in code else b"")
    assert tcp.read(101) == ALL


def test_without_linger_nothing_is_touched(tcp: Collector) -> None:
    code = "print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n" + SPEAK_AND_DIE
    done = run("log = syslogfast.connect(sys.argv[1])\n" + code, tcp.url, "0")
    assert done.returncode == -signal.SIGTERM


@pytest.mark.parametrize("how", ["os.fork()", "ctypes.PyDLL(None).fork()"])
def test_a_child_sends_nothing_of_its_parent(tcp: Collector, how: str) -> None:
    """What a forked process inherits is the parent's; what it says itself is its own."""
    says = "log.info('child')" if "os" in how else "pass"
    code = f"""
import ctypes
speak()
child = {how}
if not child:
    {says}
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os.kill(os.getpid(), signal.SIGTERM)
"""
    done = run(code, tcp.url, "100")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    assert done.stdout == b"-15\n"
    texts = tcp.read(101)
    assert [text for text in texts if text != "child"] == ALL


@pytest.mark.slow
def test_the_first_process_lives_on(tcp: Collector) -> None:
    """The kernel discards the signal for PID 1: what lingers is sent, and is again next time."""
    code = """
import threading
for _ in range(3):
    speak()
    os.kill(os.getpid(), signal.SIGTERM)
    assert log.stats["queued"] == 0, log.stats
print(os.getpid(), log.stats["sent"], log.stats["dropped"], flush=True)
log.close()
"""
    pid_namespace = [*isolate("--pid", "--fork"), "--kill-child"]
    done = run(code, tcp.url, "100", before=pid_namespace)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"1 301 {}\n"
    assert tcp.read(301) == [ALL[0], *ALL[1:] * 3]


def test_with_a_lifecycle(tcp: Collector, tmp_path: pathlib.Path) -> None:
    """Its own emitter is flushed and closed as ever; what lingers in another is sent, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
        second.bind(("127.0.0.1", 0))
        second.settimeout(LIMIT)
        code = """
import syslogfast.lifecycle
other = syslogfast.connect(sys.argv[3], linger=100.0)
installed = syslogfast.lifecycle.install(log, boot=False, network=False)
other.info("other")
speak()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(20)
"""
        done = run(code, tcp.url, "100", url_of(second))
        assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
        assert parse_rfc5424(second.recv(1 << 16)).message == "other"
    texts = tcp.read(102)
    assert texts[:-1] == ALL
    assert "SIGTERM" in str(texts[-1])


def test_after_a_lifecycle(tcp: Collector) -> None:
    """To take it away again puts back what was there before."""
    code = """
import syslogfast.lifecycle
syslogfast.lifecycle.install(log, boot=False, network=False, end=False).uninstall()
"""
    done = run(code + SPEAK_AND_DIE, tcp.url, "100")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, b"")
    assert tcp.read(101) == ALL


# --- collectors that are slow, or were away -------------------------------------------------------

UNTIL_FULL = """
log.close(0)
url, _, overflow, space = sys.argv[1:]
log = syslogfast.connect(url, linger=0.01, overflow=overflow, queue_bytes=int(space),
                         hostname="web1", app_name="shop", protocol="rfc5424")
log.error("opened, too")
log.flush()
number = 0
while log.stats["dropped"].get("full", 0) < 500:
    log.info("%d %s", number, "x" * 1000)
    number += 1
print(number - log.stats["dropped"]["full"], flush=True)
os.kill(os.getpid(), signal.SIGTERM)
"""


@contextlib.contextmanager
def start(code: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    with subprocess.Popen(
        [*PYTHON, "-c", BEGIN + code, *arguments],
        env={**os.environ, "SYSLOGFAST_BACKEND": "c"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("overflow", ["drop-newest", "drop-oldest"])
def test_a_collector_that_reads_again(sink: Sink, overflow: str) -> None:
    """What was dropped meanwhile is left out, wherever it stood; all else comes, and whole."""
    sink.reads.clear()
    with start(UNTIL_FULL, url_of(sink), "0", overflow, "400_000") as process:
        kept = int(process.stdout.readline())
        time.sleep(0.1)
        sink.reads.set()
        assert process.wait(LIMIT) == -signal.SIGTERM
    assert wait_until(lambda: sink.count_lines() >= kept)
    records = split_frames(sink.received, "lf")
    texts = [parse_rfc5424(record).message for record in records]
    numbers = [int(text.split()[0]) for text in texts if text.endswith("x")]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == kept


def test_a_collector_that_reads_slowly() -> None:
    """It gets what it takes within two seconds or so, and no more: the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with start(UNTIL_FULL, url, "0", "drop-newest", "40_000_000") as process:
            opened, _ = listener.accept()  # by what `BEGIN` opens, and is closed
            opened.close()
            connection, _ = listener.accept()
            with connection:
                process.stdout.readline()
                began = time.monotonic()
                while process.poll() is None and time.monotonic() - began < LIMIT:
                    connection.recv(1 << 16)  # 3 MB in a second, of 40 MB
                    time.sleep(0.02)
            assert process.poll() == -signal.SIGTERM
            assert time.monotonic() - began < 6


def test_an_error_of_the_datagram_before() -> None:
    """It says nothing of the next one, which is sent once more."""
    code = """
log.error("refused")
print(flush=True)
sys.stdin.readline()
speak(3)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(20)
"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
        first.bind(("127.0.0.1", 0))
        address = first.getsockname()
        code = "print(flush=True)\nsys.stdin.readline()\n" + code
        with start(code, url_of(first), "100") as process:
            process.stdout.readline()
            first.close()
            process.stdin.write("\n")
            process.stdin.flush()
            process.stdout.readline()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
                second.bind(address)
                second.settimeout(LIMIT)
                process.stdin.write("\n")
                process.stdin.flush()
                assert process.wait(LIMIT) == -signal.SIGTERM
                texts = [parse_rfc5424(second.recv(1 << 16)).message for _ in range(3)]
    assert texts == ["0", "1", "2"]
