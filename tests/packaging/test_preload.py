"""`syslogfast.preload` leaves nothing to be imported later, of the package or of the library."""

import pathlib
import socket
import subprocess
from collections.abc import Callable

import pytest
from support.receivers import Sink, url_of

import syslogfast
from syslogfast._preload import COMPILED, MODULES, TWIN

pytestmark = pytest.mark.versions

Run = Callable[..., "subprocess.CompletedProcess[str]"]

# What no program loads by calling something: it names them itself, or a type checker does.
LEFT_OUT = ("__main__", "cli", "commands", "micro", "types")


def test_each_module_is_named(root: pathlib.Path) -> None:
    """The lists have the package's modules, each once; what is left out is named above."""
    package = root / "syslogfast"
    found = set()
    for path in [*package.rglob("*.py"), *package.glob("_c/*.pyx")]:
        parts = path.relative_to(package).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if parts and parts[0] not in LEFT_OUT:
            found.add(path.stem if path.suffix == ".pyx" else ".".join(parts))
    named = [*MODULES, *TWIN, *COMPILED]
    assert len(named) == len(set(named))
    assert set(named) == found


# Typical calls, each of which loads something that the ones before have not, or may do so. Whatever
# is looked for from the first of them on is found here, of the package and of all else.
USE = """
import logging, sys, threading
import syslogfast
missing = syslogfast.preload()
assert not missing, missing

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        looked_for.append(name)

looked_for = []
sys.meta_path[:] = [Finder]
sys.path_importer_cache.clear()
udp, tcp, relp, path = sys.argv[1:]

def call(function, *args, **options):
    try:
        return function(*args, **options)
    except (TypeError, ValueError, OSError):
        pass

for options in (
    {"facility": "loca0"}, {"procid": 1.5}, {"attributes": 1}, {"header_attributes": 1},
    {"enterprise_id": -1}, {"wrong": 1}, {"precison": 3}, {"structured_data": {"a b": {}}},
):
    call(syslogfast.Encoder, **options)
for url in (
    "udp", 17, "udp://:514", "tcp://h?framing=x", "tcp://h?x=1", "udp://h tcp://h", "ftp://h",
    "tls://127.0.0.1:1?ca=/none", "fd://x", "unix://x", "vsock://x",
):
    call(syslogfast.connect, url)
call(syslogfast.connect)
log = syslogfast.connect(
    udp, level="info", recorder_bytes=1 << 16, enterprise_id=32473, sequence_ids=True, linger=0.01,
    multiline="split", oversize="split", fqdn=True, on_failure=print,
)
lifecycle = syslogfast.lifecycle.install(
    log, version="1.2", heartbeat=0.05, network_timeout=0.1, watch_network=True
)
call(syslogfast.lifecycle.install, log, heartbeat=0)
call(syslogfast.lifecycle.install, log, fatal_url="tcp://h")
call(syslogfast.lifecycle.crashed, log, 17)
log.debug("recorded")
log.info("%d sold\\nin two lines, %s", 3, "x" * 9000, msgid="SALE", order=17)
log.emit("notice", b"bytes", structured_data={"shop@32473": {"order": 17}}, time_ns=0)
call(log.emit, "warn ", "no such severity")
call(log.emit, 6, "text", msg_id="SALE")
with syslogfast.bound(customer=4):
    log.bind(shelf=2).child(app_name="other").warning("%s of %d", "none")
try:
    abs(1 / 0)
except ZeroDivisionError:
    log.exception("caught")
    syslogfast.lifecycle.crashed(log)
try:
    raise ValueError from KeyError("a")
except ValueError:
    log.exception("caught")
thread = threading.Thread(target=lambda: [][0])
thread.start()
thread.join()
log.emit_many("info", ["one", 2])
log.dump()
for url in (
    tcp, relp, "tls://127.0.0.1:1", "relps://127.0.0.1:1", f"unix://{path}/none",
    f"unix://{path}/none?framing=lf", "fd://1", "udp://localhost:9", "udp://b\\u00fccher.invalid",
):
    other = syslogfast.connect(url, timeout=0.3)
    other.info("text")
    call(other.flush, 0.3)
    other.stats
    repr(other)
    other.close(0.3)
several = syslogfast.connect("tcp://127.0.0.1:1", tcp, timeout=0.3)
several.info("text")
several.flush(2)
several.close(0.3)
call(syslogfast.services.loggly, "t-1", prefix=b"x")
handler = syslogfast.SysLogHandler(tcp)
call(syslogfast.SysLogHandler, "nowhere", 1)
call(syslogfast.SysLogHandler, tls=True, address=udp)
logging.getLogger().addHandler(handler)
syslogfast.loggers.install()
logging.getLogger("shop").warning("%d sold", 3, extra={"order": 17})
logging.getLogger("shop").error("no %d", "number")
logging.getLogger("shop").error("failed", exc_info=ValueError("x"))
syslogfast.loggers.explain("shop")
syslogfast.loggers.uninstall()
formatter = syslogfast.Formatter()
formatter.format(logging.makeLogRecord({"msg": "text"}))
plain = syslogfast.SysLogHandler(("127.0.0.1", 9))
plain.emit(logging.makeLogRecord({"msg": "text"}))
plain.close()
syslogfast.Facility.USER, syslogfast.Severity.INFO
syslogfast.format_timestamp(0)
import copy, pickle
pickle.loads(pickle.dumps(syslogfast.Encoder()))
log.flush()
lifecycle.uninstall()
log.close()
handler.close()
print(*looked_for)
"""


def test_nothing_is_imported_any_more(
    run_python: Run, backend: str, sink: Sink, receiver: socket.socket, tmp_path: pathlib.Path
) -> None:
    """Nothing is looked for by what the package does, not even what it could do without."""
    urls = url_of(receiver), url_of(sink), url_of(sink).replace("tcp", "relp")
    result = run_python(USE, *urls, str(tmp_path), backend=backend)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1:] == [""], result.stdout


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1].split()))
import syslogfast
for name, reason in syslogfast.preload().items():
    print(name, "|", reason)
print(*[name for name in sys.modules if name.startswith("syslogfast")])
"""


@pytest.mark.parametrize(
    ("lacked", "missing"),
    [
        ("_ssl", {"transports.tls", "transports.relps"}),
        ("logging", {"formatter", "handlers", "loggers"}),
        ("_socket", {"lifecycle", "transports.stream"}),
    ],
)
def test_what_is_missing_is_told(
    run_python: Run, backend: str, lacked: str, missing: set[str]
) -> None:
    """What needs a module that is not there is left out, with the reason; all else is loaded."""
    result = run_python(WITHOUT, lacked, backend=backend)
    assert (result.returncode, result.stderr) == (0, "")
    *told, loaded = result.stdout.splitlines()
    reasons = dict(line.split(" | ") for line in told)
    assert {f"syslogfast.{name}" for name in missing} <= set(reasons)
    assert all(lacked.strip("_") in reason for reason in reasons.values()), reasons
    named = (*MODULES, *(COMPILED if backend == "c" else TWIN))
    others = {"syslogfast", *[f"syslogfast.{name}" for name in COMPILED if backend == "python"]}
    ours = {f"syslogfast.{name}" for name in named}
    assert set(loaded.split()) - others == ours - set(reasons)


def test_a_start_does_not_load_it(run_python: Run) -> None:
    code = "import sys, syslogfast; syslogfast.connect; print('syslogfast._preload' in sys.modules)"
    assert run_python(code).stdout == "False\n"
    assert syslogfast.preload is syslogfast.preload
