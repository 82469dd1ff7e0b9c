"""Interpreters that lack something: options, modules, threads, files, what a program is given.

Each is a process of its own, over three transports, and says the same as any other.
"""

import os
import pathlib
import socket
import subprocess
import sys
import zipfile

import pytest
from support.grammar import parse_rfc5424, split_frames
from support.pairwise import choose_pairs
from support.receivers import Sink, url_of, wait_until

import syslogfast

INSTALLED = pathlib.Path(syslogfast.__file__).parent

# The folder or archive with the package, the transport, the backend; what comes first takes things
# away.
PROGRAM = """
import sys
place, url, backend = {arguments!r}
sys.path.insert(0, place)
{loss}
import syslogfast
assert syslogfast.BACKEND == backend, syslogfast.BACKEND
identity = dict(hostname="h", app_name="a", procid=1)
encoder = syslogfast.Encoder(**identity)
start = b"<14>1 1970-01-01T00:00:00.000000Z h a 1 - - "
if encoder.encode("info", "\\ncaf\\u00e9 \\n", time_ns=0) != start + b"#012caf\\xc3\\xa9 ":
    raise SystemExit("another record")
syslogfast.Encoder(protocol="rfc3164").encode("info", "the machine's name, zone, program")
log = syslogfast.connect(url, **identity)
{life}
log.info("%d sold, %s", 3, "caf\\u00e9 \\n\\t", structured_data={{"a@1": {{"b": 1}}}})
try:
    raise TimeoutError
except TimeoutError:
    log.exception("failed")
log.emit_many("notice", ["first", "second"])
"""
LIFE = "syslogfast.lifecycle.install(log, network=False)"

NO_THREADS = """
import _thread
def refuse(*arguments, **keywords): raise RuntimeError("can't start new thread")
_thread.start_new_thread = _thread.start_new = _thread.start_joinable_thread = refuse
"""
MISSING = """
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in missing:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
for name in missing: sys.modules.pop(name, None)
sys.meta_path.insert(0, Finder())
"""
# A loader that has sources and nothing else: what it loads has no file.
FROZEN = """
import importlib.machinery, os
class Loader:
    def find_spec(self, name, path=None, target=None):
        if name not in sources: return None
        is_package = name in packages
        return importlib.machinery.ModuleSpec(name, self, is_package=is_package)
    def create_module(self, spec): return None
    def exec_module(self, module): exec(sources[module.__name__], vars(module))
sources, packages = {}, set()
for folder, _, names in os.walk(os.path.join(place, "syslogfast")):
    module = os.path.relpath(folder, place).replace(os.sep, ".")
    for name in names:
        if name.endswith(".py"):
            with open(os.path.join(folder, name), encoding="utf-8") as file: source = file.read()
            if name == "__init__.py": packages.add(module)
            sources[module if name == "__init__.py" else module + "." + name[:-3]] = source
sys.path.remove(place)
sys.meta_path.insert(0, Loader())
import syslogfast
if hasattr(syslogfast, "__file__"): raise SystemExit("it has a file")
"""


def block(*names: str) -> str:
    """Return what makes it that these modules are not there."""
    return f"missing = {names}\n{MISSING}"


LIGHT = ("-I", "-S", "-E")  # nothing but the interpreter: no site, no variables of Python's
# Options of Python, and what is taken away then.
LOSSES = {
    "site and variables": (LIGHT, ""),
    "docstrings": (("-I", "-OO"), "def f(): 'text'\nif f.__doc__: raise SystemExit"),
    "warnings": (("-I", "-bb", "-W", "error", "-X", "dev"), ""),
    "locale": (("-I", "-X", "utf8=0"), ""),
    "_ssl": (("-I",), block("_ssl", "ssl")),
    "threading and logging": (LIGHT, block("threading", "logging")),
    "what is large": (LIGHT, block("socket", "enum", "re", "traceback", "datetime", "typing")),
    "what not every image has": (LIGHT, block("faulthandler", "fcntl", "termios", "resource")),
    "threads": (LIGHT, NO_THREADS),
    "os.environ": (LIGHT, "import os, syslogfast\ndel os.environ"),
    "argv": (LIGHT, "del sys.argv"),
    "arguments": (LIGHT, "sys.argv = []"),
    "executable": (LIGHT, "sys.executable = None"),
    "standard streams": (LIGHT, "sys.stdin = sys.stdout = sys.stderr = None"),
    "space for files": (
        ("-I",),
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
    ),
}
ENVIRONMENT = {"LC_ALL": "C", "TZ": ":/no/such/zone"}


def run_program(
    url: str,
    backend: str,
    loss: str = "",
    life: str = LIFE,
    options: "tuple[str, ...]" = LIGHT,
    place: pathlib.Path = INSTALLED.parent,
) -> "subprocess.CompletedProcess[bytes]":
    code = PROGRAM.format(arguments=(str(place), url, backend), loss=loss, life=life)
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**os.environ, **ENVIRONMENT, "SYSLOGFAST_BACKEND": backend},
        capture_output=True,
        timeout=60,
    )


def check_records(data: bytes, has_life: bool = True) -> None:
    """All records have come, whole and in order."""
    records = [parse_rfc5424(frame) for frame in split_frames(data, "lf")]
    assert {record[2:5] for record in records} == {("h", "a", "1")}
    if has_life:
        assert (records.pop(0).msgid, records.pop().msgid) == ("BOOTED", "ENDED")
    assert [record.msgid for record in records] == ["-"] * 4
    sold, failed, *others = records
    assert (sold.priority, sold.message) == (8 + 6, "3 sold, caf\u00e9 #012\t")
    assert sold.structured_data == [("a@1", [("b", "1")])]
    assert failed.priority == 8 + 3
    lines = (failed.message or "").split("#012")
    assert (lines[0], lines[-1]) == ("failed", "TimeoutError")
    assert '  File "<string>", line ' in (failed.message or "")
    assert [(record.priority, record.message) for record in others] == [
        (13, "first"),
        (13, "second"),
    ]


def check_transport(
    transport: str, sink: Sink, receiver: socket.socket, **parameters: object
) -> None:
    """Run the program over a transport, and look at what it brings."""
    url = {"fd": "fd://1", "tcp": url_of(sink), "udp": url_of(receiver)}[transport]
    result = run_program(url, **parameters)
    assert (result.stderr, result.returncode) == (b"", 0)
    if transport == "fd":
        check_records(result.stdout)
        return
    assert result.stdout == b""
    if transport == "tcp":
        assert wait_until(lambda: b" ENDED " in sink.received)
        check_records(sink.received)
    else:
        check_records(b"".join(receiver.recv(65536) + b"\n" for _ in range(6)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "transport", "backend"),
    choose_pairs(list(LOSSES), ["fd", "tcp", "udp"], ["c", "python"]),
    indirect=["backend"],
)
def test_without(
    name: str, transport: str, backend: str, sink: Sink, receiver: socket.socket
) -> None:
    """An interpreter without this says all that another says."""
    options, loss = LOSSES[name]
    check_transport(transport, sink, receiver, backend=backend, loss=loss, options=options)


@pytest.mark.slow
@pytest.mark.versions
@pytest.mark.parametrize("transport", ["fd", "tcp", "udp"])
def test_from_a_zip(
    transport: str, sink: Sink, receiver: socket.socket, tmp_path: pathlib.Path
) -> None:
    """From an archive it is the twin, for a library in it cannot be loaded."""
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in INSTALLED.rglob("*"):
            if path.suffix in (".py", ".so", ".pyd"):
                opened.write(path, path.relative_to(INSTALLED.parent))
    check_transport(transport, sink, receiver, backend="python", place=archive)
    refused = run_program("fd://1", "c", place=archive)
    assert refused.returncode == 1
    expected = b"ModuleNotFoundError: No module named 'syslogfast._encoder_c'"
    assert refused.stderr.splitlines()[-1].startswith(expected)  # 3.15 adds a hint


@pytest.mark.parametrize("transport", ["fd", "tcp", "udp"])
def test_without_files(transport: str, sink: Sink, receiver: socket.socket) -> None:
    """Modules that were frozen, or come from anywhere: none has a __file__."""
    check_transport(transport, sink, receiver, backend="python", loss=FROZEN)


def test_without_an_environment_from_the_start() -> None:
    """Nothing is asked for by name then."""
    loss = "import os\ndel os.environ"
    result = run_program("fd://1", syslogfast.BACKEND, loss)
    assert (result.stderr, result.returncode) == (b"", 0)
    check_records(result.stdout)


def test_without_sockets(backend: str) -> None:
    """A descriptor needs none; another transport says what it lacks."""
    result = run_program("fd://1", backend, block("_socket", "socket"), life="")
    assert (result.stderr, result.returncode) == (b"", 0)
    check_records(result.stdout, has_life=False)


@pytest.mark.skipif(sys.platform != "linux", reason="the socket in C is Linux's")
@pytest.mark.native
def test_without_sockets_over_udp(receiver: socket.socket) -> None:
    """To an address the compiled core sends by itself, also after a refusal."""
    url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
    life = (
        "import sys\nlog.info('first')\n"
        "other = syslogfast.connect('udp://127.0.0.1:9')\nother.info('lost')\nother.info('lost')\n"
        "assert other.stats['dropped'] == {'refused': 2}, other.stats\nother.close()\n"
        "assert '_socket' not in sys.modules"
    )
    result = run_program(url, "c", block("_socket", "socket"), life=life)
    assert result.returncode == 0, result.stderr
    assert parse_rfc5424(receiver.recv(1000)).message == "first"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "module"),
    [
        ("udp://localhost:9", "_socket"),
        ("tcp://127.0.0.1:9", "_socket"),
        ("tls://127.0.0.1:9", "_ssl"),
    ],
)
def test_what_is_lacking_is_said(backend: str, url: str, module: str) -> None:
    """The program goes on, and standard error tells once which module it is."""
    lacking = block(module)
    ending = "\nlog.close(0.2)\nassert log.stats['dropped'] == {'closed': 1}, log.stats"
    result = run_program(url, backend, lacking, life="log.info('lost')" + ending)
    assert result.returncode == 0, result.stderr
    line = f"syslogfast: {url}: ModuleNotFoundError: No module named '{module}'; records"
    assert result.stderr.decode() == (
        f"{line} waiting: 1, dropped: 0\n{line} not sent: 1 (closed: 1)\n"
    )


def test_the_command_without_docstrings() -> None:
    """`python -OO -m syslogfast` has its help all the same."""
    helps = [
        subprocess.run(
            [sys.executable, *options, "-m", "syslogfast", "--help"],
            capture_output=True,
            timeout=60,
        )
        for options in (("-I",), ("-I", "-OO"))
    ]
    for done in helps:
        assert (done.stderr, done.returncode) == (b"", 0)
        assert done.stdout.startswith(b"usage: syslogfast ")
    commands = [[word for word in (b"demo", b"send", b"listen") if word in d.stdout] for d in helps]
    assert commands == [[b"demo", b"send", b"listen"]] * 2
