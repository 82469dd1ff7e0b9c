"""Real uvicorn and gunicorn: what lingers when SIGTERM ends them arrives, and they end as ever.

uvicorn takes the signal for itself, puts back what was there before, and raises it again: the
process ends without `atexit`. A worker of gunicorn ends by `sys.exit`.
"""

import importlib.util
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from support.backends import load_backend
from support.receivers import LIMIT, Collector, collect_by, find_free_port, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.surroundings,
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there are no such signals here"),
]

# The emitter is made when the application is imported, when the server has started, or within a
# request, perhaps by another thread. Nothing but the end of the process sends what lingers so long.
APPLICATION = """
import os, signal, threading, time, urllib.parse
import syslogfast

log = None
def connect():
    global log
    log = syslogfast.connect(os.environ["COLLECTOR"], linger=100.0, protocol="rfc5424")
    log.error("opened")
    log.flush()
def speak(when):
    if log is None and when == "thread":
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
    elif log is None:
        connect()
    for number in range(100):
        log.info("%d", number)
if os.environ["WHEN"] == "import":
    connect()

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        speak(os.environ["WHEN"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % os.getpid()})
        return
    assert (await receive())["type"] == "lifespan.startup"
    if os.environ["WHEN"] == "startup":
        connect()
    if os.environ["WHEN"] == "lifecycle":
        import syslogfast.lifecycle
        connect()
        syslogfast.lifecycle.install(log, boot=False, network=False)
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    log.info("shut down")
    if os.environ["WHEN"] == "flushed":
        log.flush()
    await send({"type": "lifespan.shutdown.complete"})

def wsgi(environ, start_response):
    speak(os.environ["WHEN"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
"""
ALL = ["opened", *map(str, range(100))]
UVICORN = ["uvicorn", "app:asgi", "--lifespan", "on", "--port", "PORT"]
GUNICORN = ["gunicorn", "app:wsgi", "--bind", "127.0.0.1:PORT"]
SERVERS = {
    "uvicorn": UVICORN,
    "uvicorn-workers": [*UVICORN, "--workers", "2"],
    "gunicorn": GUNICORN,
    "gunicorn-preload": [*GUNICORN, "--preload"],
    "gunicorn-threads": [*GUNICORN, "--threads", "4"],
    "gunicorn-gevent": [*GUNICORN, "--worker-class", "gevent"],
}


@pytest.fixture(params=["udp", "tcp", "unix"])
def collector(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Collector]:
    with collect_by(request.param, tmp_path) as collector:
        yield collector


@pytest.fixture
def tcp(tmp_path: pathlib.Path) -> Iterator[Collector]:
    with collect_by("tcp", tmp_path) as collector:
        yield collector


def serve(server: str, when: str, backend: str, url: str, folder: pathlib.Path) -> int:
    """Have a server serve one request, end it by SIGTERM, and return its status."""
    command, *options = SERVERS[server]
    for module in [command, *(["gevent"] if "gevent" in options else [])]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not on this machine")
    load_backend(backend)
    port = find_free_port()
    (folder / "app.py").write_text(APPLICATION, encoding="utf-8")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", command, *(word.replace("PORT", str(port)) for word in options)],
            cwd=folder,
            env={**os.environ, "COLLECTOR": url, "WHEN": when, "SYSLOGFAST_BACKEND": backend},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert wait_until(lambda: ask(port), 3 * LIMIT), (folder / "output").read_text()
        process.send_signal(signal.SIGTERM)
        process.wait(3 * LIMIT)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert "Traceback" not in (folder / "output").read_text(encoding="utf-8")
    return process.returncode


def ask(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=LIMIT) as answer:
            return bool(answer.read())
    except OSError:  # it does not listen yet
        return False


@pytest.mark.parametrize("when", ["import", "startup", "request", "thread"])
def test_uvicorn(collector: Collector, when: str, tmp_path: pathlib.Path) -> None:
    """It dies of the signal, and C sends what lingers, whenever the emitter was made."""
    assert serve("uvicorn", when, "c", collector.url, tmp_path) == -signal.SIGTERM
    assert collector.read(102) == [*ALL, "shut down"]


def test_uvicorn_without_c(tcp: Collector, tmp_path: pathlib.Path) -> None:
    """There the application has to flush where it shuts down."""
    assert serve("uvicorn", "flushed", "python", tcp.url, tmp_path) == -signal.SIGTERM
    assert tcp.read(102) == [*ALL, "shut down"]


def test_uvicorn_with_a_lifecycle(tcp: Collector, tmp_path: pathlib.Path) -> None:
    """It tells of the signal, and what comes after that is sent, too."""
    assert serve("uvicorn", "lifecycle", "c", tcp.url, tmp_path) == -signal.SIGTERM
    *texts, terminated, last = tcp.read(103)
    assert (texts, last) == (ALL, "shut down")
    assert "SIGTERM" in str(terminated)


def test_workers_of_uvicorn(tcp: Collector, tmp_path: pathlib.Path) -> None:
    """Its children import the application when they have taken the signal; each has a say."""
    assert serve("uvicorn-workers", "startup", "c", tcp.url, tmp_path) == 0
    found = tcp.read(102)
    assert [text for text in found if text not in ("opened", "shut down")] == ALL[1:]
    assert found.count("shut down") == found.count("opened") <= 2


@pytest.mark.parametrize("when", ["import", "request"])
@pytest.mark.parametrize("server", [name for name in SERVERS if "gunicorn" in name])
def test_gunicorn(
    tcp: Collector, server: str, when: str, backend: str, tmp_path: pathlib.Path
) -> None:
    """Its worker ends in an orderly way, and closes what is open."""
    assert serve(server, when, backend, tcp.url, tmp_path) == 0
    assert tcp.read(101) == ALL


def test_gunicorn_by_each_transport(
    collector: Collector, backend: str, tmp_path: pathlib.Path
) -> None:
    assert serve("gunicorn", "request", backend, collector.url, tmp_path) == 0
    assert collector.read(101) == ALL
