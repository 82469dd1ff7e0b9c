"""What an emitter needs is loaded before it is used: a signal's handler may log at any time.

An import that is interrupted leaves its module half done in `sys.modules`, where a handler that
logs would find it.
"""

import importlib
import pathlib
import socket
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from support.grammar import parse_rfc5424
from support.receivers import Sink, collect, url_of

import syslogfast

pytestmark = pytest.mark.versions

Run = Callable[..., Any]

# Few datagrams need these. Whoever finds one half done does without: test_half_a_worker. Standard
# error is written to as `fd` does, which needs `select`.
MODULES = ["drop_report", "failure_report", "fd", "poll", "signal_mask", "threads", "worker"]
GUARDED = {f"syslogfast.transports.{name}" for name in MODULES} | {"errno", "select"}
FOLDER = str(pathlib.Path(syslogfast.__file__).parent.parent)  # without `site` it is not found

# Whatever an emitter is used for, in a process where nothing else has been imported. From when it
# is there, no module of the package may be looked for by this thread.
USE = """
import sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if is_watching and _thread.get_ident() == main and name.partition(".")[0] != "__main__":
            found.append(name)

import _thread
main = _thread.get_ident()
is_watching = False
found = []
sys.meta_path.insert(0, Finder())
sys.path.append(sys.argv[1])
import syslogfast
log = syslogfast.connect(sys.argv[2], hostname="h", app_name="a", sequence_ids=True, timeout=20)
child = log.child(app_name="b")

class Record:
    msg = "%d"
    args = (1,)
    levelno = 20
    created = 1.5
    exc_info = exc_text = stack_info = None
    structured_data = {"shop@32473": {"order": 17}}

is_watching = True
for emitter in (log, child):
    emitter.info("text")
    emitter.error("%d sold", 3, msgid="SALE", structured_data={"shop@32473": {"order": 17}})
    emitter.info(b"bytes", structured_data=b'[shop@32473 order="17"]')
    emitter.info(object())
    emitter.info("%s", object(), time_ns=0)
    emitter.info("x" * 100000)
    emitter.emit_many("info", ["one", 2])
    emitter.emit_record(Record())
    emitter.emit_record(Record(), "a text of one's own")
    emitter.stats
log.flush()
is_watching = False
log.close()
print(*found)
"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["udp", "refused", "tcp", "unix", "fd"])
def test_nothing_is_imported_by_a_use(
    run_python: Run, backend: str, sink: Sink, receiver: socket.socket, tmp_path, scheme: str
) -> None:
    """Also where datagrams are refused, or are too long for the socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind(str(tmp_path / "socket"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            refused = url_of(free)
        urls = {
            "udp": url_of(receiver) + "?order=any",
            "refused": refused,
            "tcp": url_of(sink),
            "unix": f"unix://{tmp_path}/socket",
            "fd": "fd://2",
        }
        with collect(unix):
            result = run_python(USE, FOLDER, urls[scheme], backend=backend, options=("-I", "-S"))
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.split()) <= GUARDED


# A handler that logs in the middle of every import of the first use, at each line of a module.
INTERRUPTED = """
import os
import sys
sys.path.append(sys.argv[1])
import syslogfast

def log_now(frame, event, argument):
    global is_inside
    name = frame.f_globals.get("__name__", "")
    if not is_inside and name.startswith("syslogfast") and frame.f_code.co_name == "<module>":
        is_inside = True
        for emitter in emitters:
            emitter.info("from the handler of %s", "a signal")
            emitter.emit_record(Record())
        is_inside = False
    return log_now

class Record:
    msg = "%s"
    args = ("a record",)
    levelno = 20
    created = 1.5
    exc_info = exc_text = stack_info = None

emitters = []
is_inside = False
sys.settrace(log_now)
log = syslogfast.connect(sys.argv[2], hostname="h", app_name="a")
emitters.append(log)
log.info("%d", 1)
log.emit_record(Record())
nowhere = os.open(os.devnull, os.O_WRONLY)
emitters.append(syslogfast.connect(f"fd://{nowhere}", hostname="h", app_name="a"))
log.info("%d", 2)
sys.settrace(None)
log.close()
print(log.stats["offered"], log.stats["sent"])
"""


def test_a_handler_that_logs_amid_the_first_use(
    run_python: Run, backend: str, receiver: socket.socket
) -> None:
    result = run_python(INTERRUPTED, FOLDER, url_of(receiver), backend=backend)
    assert (result.stderr, result.returncode) == ("", 0)
    offered, sent = map(int, result.stdout.split())
    assert offered == sent > 3
    receiver.settimeout(20)
    texts = {parse_rfc5424(receiver.recv(4096)).message for _ in range(sent)}
    assert texts == {"1", "2", "a record", "from the handler of a signal"}


def test_half_a_drop_report(
    connect: Callable, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report waits while its module is being imported by what this has interrupted."""
    name = "syslogfast.transports.drop_report"
    importlib.import_module(name)
    emitter = connect(url_of(receiver), queue_bytes=600, max_size=2048)
    emitter.info("x" * 1000)
    assert emitter.stats["dropped"] == {"too large": 1}
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, name, ModuleType(name))
        emitter.info("first")
    emitter.info("second")
    receiver.settimeout(20)
    found = [parse_rfc5424(receiver.recv(4096)) for _ in range(3)]
    assert [record.msgid for record in found] == ["-", "-", "DROPPED"]
    assert [record.message for record in found[:2]] == ["first", "second"]


def test_half_the_names_of_errors(
    connect: Callable, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error is one without a name while what knows them is being imported; nothing is raised."""
    url = url_of(receiver)
    receiver.close()
    emitter = connect(url, on_failure=False)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "errno", ModuleType("errno"))
        for _ in range(3):
            emitter.info("text")
    assert emitter.stats["offered"] == 3
    emitter.info("more")
    assert emitter.stats["offered"] == 4


def test_half_a_worker(
    connect: Callable, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records wait in the queue while the worker is being imported, and are sent by the next."""
    name = "syslogfast.transports.worker"
    importlib.import_module(name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.bind(str(tmp_path / "socket"))
        emitter = connect(f"unix://{tmp_path}/socket")
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, ModuleType(name))
            while not emitter.stats["queued"]:
                emitter.info("text")
            emitter.info("more")
        unix.settimeout(20)
        sent = emitter.stats["sent"]
        for _ in range(sent):
            unix.recv(4096)
        emitter.info("last")
        rest = [unix.recv(4096).split(b" ")[-1] for _ in range(3)]
        assert rest == [b"text", b"more", b"last"]
        assert emitter.flush()
        assert emitter.stats["dropped"] == {}
