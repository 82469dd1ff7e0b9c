"""A process whose table of descriptors is full: nothing raises, and all is sent once it is not.

Then not even a module can be read: what is imported late must be tried again, or be there before.
"""

import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.certificates import Certificates
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames
from support.pairwise import choose_pairs
from support.receivers import Sink, TlsSink, collect, url_of

pytestmark = [
    pytest.mark.surroundings,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit"),
]

Run = Callable[..., Any]

COMMON = """
import gc, os, resource, sys, threading
from syslogfast import SysLogHandler, lifecycle
from syslogfast.emitter import connect

LIMIT = 100
taken = []

def fill(stage):
    if stage != sys.argv[1]:
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
    try:
        while True:
            taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass

def free():
    while taken:
        os.close(taken.pop())

def fail():
    raise LookupError("no such thing")

identity = {"hostname": "web1", "app_name": "shop"}
urls = sys.argv[2:]
"""
ALL = (
    COMMON
    + """
fill("connect")
log = connect(*urls, timeout=10, sequence_ids=True, on_failure=False, **identity)
fill("emit")
log.info("first")
if sys.argv[1] == "flushed":
    assert log.flush(10)
fill("flushed")
life = lifecycle.install(log, watch_network=True)
fill("installed")
log.info("%d sold", 3, msgid="SALE", structured_data={"shop@32473": {"order": 17}})
child = log.child(app_name="other", structured_data={"a@1": {"b": 2}})
child.emit("notice", b"octets")
try:
    fail()
except LookupError as error:
    log.exception("logged")
    lifecycle.crashed(log, error)
class Dying:
    def __del__(self):
        fail()
sys.unraisablehook, threading.excepthook  # which are ours
sys.stderr = open(os.devnull, "w") if not taken else None
Dying()
gc.collect()
thread = threading.Thread(target=fail)
thread.start()
thread.join()
log.flush(0.01)
stats = log.stats
assert stats["offered"] == stats["sent"] + stats["queued"], stats
life.uninstall()
free()
sys.stderr = sys.__stderr__
assert log.flush(10), log.stats
log.close(10)
assert not log.stats["dropped"], log.stats
"""
)
MSGIDS = ["BOOTED", "SALE", "CRASHED", "UNCAUGHT", "UNCAUGHT"]
STAGES = ["connect", "emit", "flushed", "installed"]


@contextlib.contextmanager
def listen(
    scheme: str, certificates: Certificates
) -> Iterator[tuple[str, Callable[[], list[bytes]]]]:
    """Give a URL, and what returns the records that have come there."""
    if scheme == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
            bound.bind(("127.0.0.1", 0))
            with collect(bound) as datagrams:
                yield url_of(bound), lambda: datagrams
        return
    sink = TlsSink(certificates) if scheme == "tls" else Sink()
    try:
        url = f"{scheme}://127.0.0.1:{sink.port}?framing=lf"
        yield (
            url + (f"&ca={certificates.ca}" if scheme == "tls" else ""),
            lambda: split_frames(sink.received, "lf"),
        )
    finally:
        sink.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "stage", "backend"),
    choose_pairs(["udp", "tcp", "tls"], STAGES, ["c", "python"]),
    indirect=["backend"],
)
def test_a_full_table(
    run_python: Run,
    backend: str,
    certificates: Certificates,
    scheme: str,
    stage: str,
) -> None:
    """Whenever it gets full: nothing raises, nothing is lost, and each error has its traceback."""
    with listen(scheme, certificates) as (url, read):
        result = run_python(ALL, stage, url, backend=backend)
        assert (result.returncode, result.stderr) == (0, "")
    check_records([parse_rfc5424(record) for record in read()])


def check_records(records: list[Rfc5424Record]) -> None:
    msgids = [record.msgid for record in records]
    assert [msgid for msgid in msgids if msgid in MSGIDS] == MSGIDS
    texts = [record.message or "" for record in records]
    assert {"first", "3 sold", "octets"} <= set(texts)
    assert sum(text.endswith("#012LookupError: no such thing") for text in texts) == 4
    assert sum("in fail" in text for text in texts) == 4


def check_traceback(record: Rfc5424Record) -> None:
    """It has its frames and its error; from Python 3.13 on also the source of what -c has run."""
    text = record.message or ""
    assert "in fail#012" in text
    assert text.endswith("#012LookupError: no such thing")


WRONG = (
    COMMON
    + """
log = connect(*urls, timeout=10, **identity)
fill("emit")
for elements in ({"a b": {"c": 1}}, {"a@1": {"b]": object()}}, 5, [("x",)]):
    log.info("sold", structured_data=elements)
free()
assert log.flush(10)
assert log.stats["sent"] == 4, log.stats
"""
)


def test_wrong_elements_with_a_full_table(run_python: Run, backend: str) -> None:
    """What mends structured data may be out of reach: then the record goes without them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        with collect(bound) as datagrams:
            result = run_python(WRONG, "emit", url_of(bound), backend=backend)
        assert (result.returncode, result.stderr) == (0, "")
    assert [parse_rfc5424(record).message for record in datagrams] == ["sold"] * 4


END = (
    COMMON
    + """
log = connect(*urls, timeout=20, **identity)
life = lifecycle.install(log, network=not "PAUSE")
PAUSE
fill("installed")
log.info("last")
fail()
"""
)


@pytest.mark.parametrize("pause", ["", "import time; time.sleep(0.1)"])
def test_the_end_with_a_full_table(run_python: Run, backend: str, pause: str) -> None:
    """The exception that ends a program is in the log, whose socket is there already.

    So is the thread that waits between the first datagrams, whether it has had to by then or not.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        with collect(bound) as datagrams:
            end = END.replace("PAUSE", pause)
            result = run_python(end, "installed", url_of(bound), backend=backend)
    assert result.returncode == 1
    records = [parse_rfc5424(datagram) for datagram in datagrams]
    crashed = [record for record in records if record.msgid == "CRASHED"]
    assert [record.msgid for record in records][-1] == "ENDED"
    check_traceback(crashed[0])
    assert "last" in [record.message for record in records]


def test_what_cannot_be_opened_is_told(run_python: Run, backend: str) -> None:
    """Standard error says why, at the end at the latest, and how many records were lost."""
    with contextlib.closing(Sink()) as sink:
        code = COMMON + 'log = connect(*urls, timeout=0.2)\nfill("emit")\nlog.info("1")\n'
        result = run_python(code, "emit", url_of(sink), backend=backend)
    assert result.returncode == 0
    lines = result.stderr.splitlines()
    assert lines[-1].startswith(f"syslogfast: {url_of(sink)}: [Errno 24] ")
    assert lines[-1].endswith("; records not sent: 1 (closed: 1)")


HANDLER = (
    COMMON
    + """
import logging
fill("handler")
handler = SysLogHandler(*urls, protocol="rfc5424", timeout=10)
logger = logging.getLogger("shop")
logger.addHandler(handler)
try:
    fail()
except LookupError:
    logger.exception("logged")
free()
handler.close()
"""
)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_a_handler_with_a_full_table(
    run_python: Run, backend: str, certificates: Certificates, scheme: str
) -> None:
    with listen(scheme, certificates) as (url, read):
        result = run_python(HANDLER, "handler", url, backend=backend)
        assert (result.returncode, result.stderr) == (0, "")
    (record,) = [parse_rfc5424(record) for record in read()]
    check_traceback(record)
