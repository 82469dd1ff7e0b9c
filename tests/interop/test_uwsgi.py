"""Real uWSGI: an application that connects and logs when it is imported, before uWSGI forks.

Each record arrives once, with the PROCID of the process that has emitted it, and SIGTERM and SIGINT
end the server as they do without us.
"""

import collections
import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from support.backends import load_backend
from support.certificates import Certificates
from support.receivers import LIMIT, Sink, TlsSink, find_free_port, url_of, wait_until

UWSGI = os.environ.get("SYSLOGFAST_UWSGI") or shutil.which("uwsgi") or ""
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = [pytest.mark.slow, pytest.mark.surroundings]

PROCESSES = 4
AT_IMPORT = 5
EACH = 6  # records of one request
TIMEOUT = 5  # seconds, that of `connect`
APPLICATION = f"""
import os, syslogfast

log = syslogfast.connect(os.environ["COLLECTOR"], app_name="shop", timeout={TIMEOUT})
for number in range({AT_IMPORT}):
    log.info("import %d", number)
if "HEARTBEAT" in os.environ:
    from syslogfast import lifecycle
    parts = ["boot", "network", "exceptions", "termination", "end", "fatal_signals"]
    lifecycle.install(
        log, heartbeat=float(os.environ["HEARTBEAT"]), **dict.fromkeys(parts, False)
    )

def application(environ, start_response):
    for number in range({EACH}):
        log.info("request %s.%d", environ["QUERY_STRING"], number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
"""

Serve = Callable[..., "Server"]


def find_reason() -> str:
    """Return why there can be no such test; nothing if there can."""
    if not UWSGI:
        return "there is no uwsgi on PATH, and SYSLOGFAST_UWSGI names none"
    result = subprocess.run([UWSGI, "--python-version"], capture_output=True, text=True)
    built_for = result.stdout.strip()
    if not built_for.startswith(f"{VERSION}."):
        return f"{UWSGI} is for Python {built_for}, and this is {VERSION}"
    return ""


def has_handlers(process: int) -> bool:
    """Return True if a process has handlers for SIGTERM and SIGINT: proc(5)."""
    status = pathlib.Path(f"/proc/{process}/status").read_text(encoding="ascii")
    (caught,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    wanted = 1 << (signal.SIGTERM - 1) | 1 << (signal.SIGINT - 1)
    return int(caught, 16) & wanted == wanted


class Server:
    """A uWSGI that serves the application, and that all of its workers have come up in."""

    def __init__(self, folder: pathlib.Path, backend: str, collector: str, options: list[str]):
        self.port = find_free_port()
        (folder / "app.py").write_text(APPLICATION, encoding="utf-8")
        self.output = folder / "output"
        command = [UWSGI, "--master", "--processes", str(PROCESSES), "--die-on-term", *options]
        command += ["--http-socket", f"127.0.0.1:{self.port}", "--disable-logging"]
        command += ["--virtualenv", sys.prefix, "--chdir", str(folder), "--module", "app"]
        environment = {**os.environ, "COLLECTOR": collector, "SYSLOGFAST_BACKEND": backend}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        assert wait_until(lambda: self.read().count("spawned uWSGI worker") == PROCESSES)
        ready = PROCESSES if "--lazy-apps" in options else 1
        assert wait_until(lambda: self.read().count(" ready in ") == ready, 3 * LIMIT)
        # A signal before they have their handlers is lost, without us as well.
        assert wait_until(lambda: all(map(has_handlers, [self.process.pid, *self.list_workers()])))
        time.sleep(0.5)

    def list_workers(self) -> list[int]:
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text(encoding="ascii").split()]

    def read(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def ask(self, query: int) -> str:
        """Make a request; return the number of the process that has served it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", f"/?{query}")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def end(self, number: int) -> float:
        """Return after how many seconds the signal has ended it; TimeoutExpired: not in time."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20)
        return time.monotonic() - began

    def kill(self) -> None:
        if self.process.poll() is None:
            for child in self.list_workers():
                os.kill(child, signal.SIGKILL)
            self.process.kill()
            self.process.wait()


@pytest.fixture
def serve(tmp_path: pathlib.Path) -> Iterator[Serve]:
    """Give a function that starts one; it is gone at the end."""
    reason = find_reason()
    if reason:
        pytest.skip(reason)
    started: list[Server] = []

    def start(backend: str, collector: str, *options: str) -> Server:
        started.append(Server(tmp_path, backend, collector, list(options)))
        return started[-1]

    yield start
    for server in started:
        server.kill()


def check(server: Server, sink: Sink, requests: int, imports: int) -> None:
    """Make so many requests, and have each record arrive once."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        served_by = list(pool.map(server.ask, range(requests)))
    expected = imports + EACH * requests
    assert server.end(signal.SIGTERM) < TIMEOUT + 3
    wait_until(lambda: sink.count_lines() >= expected)  # if not, below it is said what there is
    found = collections.Counter()
    for record in sink.read_records():
        kind, number = record.message.split()
        if kind == "request":
            assert record.procid == served_by[int(number.partition(".")[0])]
        found[record.message] += 1
    times = imports // AT_IMPORT
    assert found == {
        **{f"import {number}": times for number in range(AT_IMPORT)},
        **{f"request {query}.{i}": 1 for query in range(requests) for i in range(EACH)},
    }, (server.read(), served_by)
    assert "Traceback" not in server.read()


HOOKS = ["--py-call-uwsgi-fork-hooks"]
CONFIGURATIONS = [
    ("c", [], 400),
    ("c", ["--enable-threads"], 50),
    ("c", ["--enable-threads", "--threads", "4"], 50),
    ("c", ["--py-call-osafterfork"], 400),
    ("c", ["--enable-threads", "--py-call-osafterfork"], 50),
    ("c", ["--lazy-apps"], 50),
    ("c", HOOKS, 50),
    ("python", [], 400),
    ("python", ["--enable-threads"], 50),
    ("python", ["--enable-threads", "--threads", "4", "--py-call-osafterfork"], 50),
    ("python", HOOKS, 50),
    ("python", ["--enable-threads", *HOOKS], 50),
    ("python", ["--lazy-apps"], 50),
]


@pytest.mark.parametrize(
    ("backend", "options", "requests"),
    CONFIGURATIONS,
    ids=["-".join([backend, *options]) for backend, options, _ in CONFIGURATIONS],
)
def test_each_record_arrives_once(
    serve: Serve, sink: Sink, backend: str, options: list[str], requests: int
) -> None:
    load_backend(backend)
    imports = AT_IMPORT * (PROCESSES if "--lazy-apps" in options else 1)
    check(serve(backend, url_of(sink), *options), sink, requests, imports)


@pytest.mark.parametrize(
    ("backend", "options"),
    [("c", []), ("c", ["--enable-threads"]), ("c", HOOKS), ("python", ["--enable-threads"])],
)
def test_each_record_arrives_once_by_tls(
    serve: Serve,
    certificates: Certificates,
    backend: str,
    options: list[str],
    tmp_path: pathlib.Path,
) -> None:
    """To read many authorities takes OpenSSL longer than a fork waits for a thread."""
    load_backend(backend)
    authorities = tmp_path / "ca.pem"
    authorities.write_bytes(certificates.ca.read_bytes() * 1000)
    with contextlib.closing(TlsSink(certificates)) as sink:
        url = f"tls://127.0.0.1:{sink.port}?ca={authorities}&framing=lf"
        check(serve(backend, url, *options), sink, 50, AT_IMPORT)


@pytest.mark.parametrize(
    ("backend", "options"), [("c", []), ("c", ["--enable-threads"]), ("c", HOOKS)]
)
def test_each_process_says_that_it_lives(
    serve: Serve,
    sink: Sink,
    backend: str,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker from its first record on, or from the fork where Python is told of that.

    Without --enable-threads the threads of Python have no turn but in a request, and no more.
    """
    load_backend(backend)
    monkeypatch.setenv("HEARTBEAT", "0.1")
    server = serve(backend, url_of(sink), *options)
    served_by = {server.ask(query) for query in range(50)}
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        served_by.add(server.ask(50))
        time.sleep(0.02)

    def count_alive() -> "collections.Counter[str]":
        return collections.Counter(r.procid for r in sink.read_records() if r.msgid == "ALIVE")

    assert wait_until(lambda: all(count_alive()[process] >= 2 for process in served_by)), (
        count_alive(),
        served_by,
        server.read(),
    )
    assert server.end(signal.SIGTERM) < TIMEOUT + 3


@pytest.mark.parametrize(
    ("number", "options"), [(signal.SIGTERM, []), (signal.SIGINT, ["--enable-threads"])]
)
def test_the_end_without_a_collector(serve: Serve, number: int, options: list[str]) -> None:
    """What waits is given `timeout`, once."""
    load_backend("c")
    server = serve("c", f"tcp://127.0.0.1:{find_free_port()}", *options)
    for query in range(8):
        server.ask(query)
    assert server.end(number) < TIMEOUT + 3
