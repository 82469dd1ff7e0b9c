"""gevent and eventlet, whose greenlets stand still together while one of them blocks."""

import importlib.util
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from support.pairwise import choose_pairs, take_turns
from support.receivers import LIMIT, Sink, collect, url_of, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.surroundings]

STILL = 2.0  # seconds: less than anything here would block, more than a busy machine takes

LIBRARIES = {
    "gevent": "from gevent import monkey, spawn\nmonkey.patch_all()\n",
    "eventlet": (
        "import warnings\nwarnings.simplefilter('ignore')\n"  # it is deprecated, and says so
        "import eventlet\neventlet.monkey_patch()\nspawn = eventlet.spawn\n"
    ),
}
EARLY = "import syslogfast.emitter, syslogfast.transports.tls, syslogfast.transports.worker\n"
# A greenlet that should run each 10 ms says by how long it was too late, at most, in each step.
PROGRAM = """
import json, sys, time
import syslogfast
gaps = [0.0]
def tick():
    last = time.monotonic()
    while True:
        time.sleep(0.01)
        now = time.monotonic()
        gaps.append(now - last)
        last = now
spawn(tick)
time.sleep(0.05)
found = {}
def note(step):
    time.sleep(0.05)
    found[step] = max(gaps)
    gaps[:] = [0.0]
SLOW
log = syslogfast.connect(sys.argv[1], timeout=4, on_failure=False, queue_bytes=1 << 22)
note("connect")
for number in range(60):
    log.info("%d %s", number, "x" * int(sys.argv[2]))
    time.sleep(0.01)
note("emit")
found["flushed"] = log.flush(float(sys.argv[3]))
note("flush")
found["stats"] = log.stats
log.close(3)
note("close")
print(json.dumps(found))
"""
# A resolver that takes 4 s, and has no answer then.
SLOW_RESOLVER = """
from syslogfast.transports.threads import find_original
from syslogfast.transports import resolve
import _socket
class Module:
    def __getattr__(self, name):
        return look_up if name == "getaddrinfo" else getattr(_socket, name)
def look_up(*arguments):
    find_original("time", "sleep")(4)
    raise OSError("no answer")
resolve._socket = Module()
"""


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not on this machine")
    return str(request.param)


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A listener whose backlog is full: whoever connects waits."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(0)
        others = [socket.socket() for _ in range(8)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(busy.getsockname())
        yield f"tcp://127.0.0.1:{busy.getsockname()[1]}"
        for other in others:
            other.close()


def run(
    library: str,
    order: str,
    backend: str,
    url: str,
    slow: str = "",
    *,
    size: int = 0,
    flush: float = 3.0,
) -> dict:
    import json

    code = LIBRARIES[library] + PROGRAM.replace("SLOW", slow)
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            (EARLY if order == "early" else "") + code,
            url,
            str(size),
            str(flush),
        ],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=6 * LIMIT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict = json.loads(done.stdout)
    return found


ORDERS = ["early", "late"]
BACKENDS = ["c", "python"]


@pytest.mark.parametrize(
    ("library", "order", "backend"),
    choose_pairs(list(LIBRARIES), ORDERS, BACKENDS),
    indirect=["library", "backend"],
)
def test_nothing_stands_still(library: str, order: str, backend: str, black_hole: str) -> None:
    """Not while a collector does not answer, nor in `flush` and `close`."""
    found = run(library, order, backend, black_hole)
    assert not found["flushed"]
    assert found["stats"]["queued"] == 60
    assert {step: found[step] for step in ("connect", "emit", "flush", "close")
            if found[step] > STILL} == {}  # fmt: skip


@pytest.mark.parametrize(
    ("library", "backend"), take_turns(list(LIBRARIES), BACKENDS), indirect=["library", "backend"]
)
def test_a_slow_resolver(library: str, backend: str) -> None:
    found = run(library, "late", backend, "udp://nobody.test", SLOW_RESOLVER)
    assert not found["flushed"]
    assert max(found[step] for step in ("connect", "emit", "flush", "close")) <= STILL


@pytest.mark.parametrize(
    ("library", "order", "backend", "transport"),
    choose_pairs(list(LIBRARIES), ORDERS, BACKENDS, ["tcp", "tls"]),
    indirect=["library", "backend"],
)
def test_records_arrive(
    library: str,
    order: str,
    transport: str,
    backend: str,
    small_sink: Sink,
    tmp_path: pathlib.Path,
) -> None:
    """All of them, in order, by a thread that is a real one; the collector reads late."""
    sink = small_sink
    if transport == "tls" and not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not on this machine")
    url = serve_tls(sink, tmp_path) if transport == "tls" else url_of(sink)
    sink.reads.clear()
    threading.Timer(1.0, sink.reads.set).start()
    found = run(library, order, backend, url, size=8000, flush=2 * LIMIT)
    assert found["flushed"], found
    assert (found["stats"]["sent"], found["stats"]["dropped"]) == (60, {})
    assert wait_until(lambda: len(sink.read_texts()) == 60)
    assert [text.split()[0] for text in sink.read_texts()] == [str(n) for n in range(60)]
    assert max(found[step] for step in ("connect", "emit", "flush", "close")) <= STILL


def serve_tls(sink: Sink, folder: pathlib.Path) -> str:
    """Have a sink speak TLS, and return its URL."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = f"-subj /CN=127.0.0.1 -keyout {folder}/key -out {folder}/cert"
    extension = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make.split(), *names.split(), *extension], check=True, capture_output=True)
    sink.speak_tls(f"{folder}/cert", f"{folder}/key")
    return f"tls://127.0.0.1:{sink.port}?framing=lf&ca={folder}/cert"


ALIVE = """
import ctypes, sys, syslogfast
from syslogfast import lifecycle
log = syslogfast.connect(sys.argv[1])
lifecycle.install(log, heartbeat=0.05, network=False)
ctypes.CDLL(None).usleep(600000)  # the GIL is given up, but no greenlet has a turn
"""


def test_signs_of_life_need_no_greenlet(
    run_python: Callable, library: str, backend: str, receiver: socket.socket
) -> None:
    """They come from a real thread."""
    with collect(receiver) as datagrams:
        result = run_python(LIBRARIES[library] + ALIVE, url_of(receiver), backend=backend)
    assert (result.returncode, result.stderr) == (0, "")
    assert sum(b" ALIVE " in datagram for datagram in datagrams) >= 4
