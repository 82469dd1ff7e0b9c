"""Where the system is not Linux: what it lacks is refused by name, and all else goes on.

This is Linux all the same: a fresh interpreter is deprived of what the other system's has not. What
the other kernel makes of the calls, nothing here can tell.
"""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from support.grammar import parse_rfc5424, split_frames

Run = Callable[..., Any]

LINUX_ONLY = (
    *("AF_NETLINK", "AF_VSOCK", "MSG_NOSIGNAL", "TCP_QUICKACK", "TCP_USER_TIMEOUT"),
    *("TCP_KEEPIDLE", "SO_BINDTODEVICE"),
)
# What CPython has on Linux, and neither the kernel nor CPython there.
LACKS = {
    "darwin": {"_socket": LINUX_ONLY, "_signal": ("sigtimedwait",), "time": ("CLOCK_BOOTTIME",)},
    "freebsd14": {"_socket": LINUX_ONLY, "time": ("CLOCK_BOOTTIME",)},
    "win32": {
        "_socket": (*LINUX_ONLY, "AF_UNIX", "MSG_DONTWAIT"),
        "_signal": (
            *("SIGBUS", "SIGPIPE", "SIGHUP", "sigtimedwait", "sigpending", "sigwait"),
            "pthread_sigmask",
        ),
        "posix": ("register_at_fork", "fork", "uname"),
        "select": ("poll",),
        "time": ("CLOCK_BOOTTIME", "clock_gettime", "clock_gettime_ns", "tzset"),
    },
}
DEPRIVE = """
import importlib, sys
platform, lacks, port = sys.argv[1], eval(sys.argv[2]), sys.argv[3]
for module, names in lacks.items():
    module = importlib.import_module(module)
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
sys.platform = platform
if platform == "win32":
    sys.modules["fcntl"] = sys.modules["termios"] = None
import syslogfast
"""
# The second one is longer than most datagrams; the others are of one size, as in a batch.
SEND = """
with syslogfast.connect(sys.argv[4].format(port=port), app_name="shop", linger=0.01) as log:
    for text in "first", "x" * 1400, *["same"] * 20:
        log.info(text)
    assert log.flush(10)
    assert (log.stats["sent"], log.stats["dropped"]) == (22, {}), log.stats
"""
TEXTS = ["first", "x" * 1400, *["same"] * 20]
REFUSED = """
for url in sys.argv[4:]:
    try:
        syslogfast.connect(url)
    except ValueError as error:
        print(error)
"""
LIFE = """
log = syslogfast.connect("fd://1", app_name="shop")
syslogfast.lifecycle.install(log, network_timeout=0.2, fatal_url="fd://2")
raise SystemExit
"""
pytestmark = pytest.mark.parametrize("platform", LACKS)


@pytest.fixture
def run_deprived(run_python: Run, platform: str, backend: str) -> Run:
    """Give a function that runs code on a system that lacks so much, and returns its output."""

    def run(code: str, *arguments: str) -> str:
        options = (platform, repr(LACKS[platform]), *arguments)
        result = run_python(DEPRIVE + code, *options, backend=backend)
        assert (result.returncode, result.stderr) == (0, "")
        return str(result.stdout)

    return run


def list_messages(records: list[bytes]) -> "list[str | None]":
    return [parse_rfc5424(record).message for record in records]


def test_datagrams(run_deprived: Run) -> None:
    """UDP: one by one, where the kernel does not cut a batch into datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(10)
        run_deprived(SEND, str(collector.getsockname()[1]), "udp://127.0.0.1:{port}")
        assert list_messages([collector.recv(65536) for _ in TEXTS]) == TEXTS


def test_stream(run_deprived: Run) -> None:
    """TCP, without the options of the socket that the system does not know."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        run_deprived(SEND, str(listener.getsockname()[1]), "tcp://127.0.0.1:{port}")
        with listener.accept()[0] as connection, connection.makefile("rb") as file:
            connection.settimeout(10)
            assert list_messages(split_frames(file.read(), "lf")) == TEXTS


def test_descriptor(run_deprived: Run) -> None:
    out = run_deprived(SEND, "0", "fd://1")
    assert list_messages(split_frames(out.encode(), "lf")) == TEXTS


def test_missing_transports(run_deprived: Run, platform: str) -> None:
    """They are refused where the URL is given: waiting would not bring them."""
    urls = ["vsock://2:514", "unix:///dev/log", "unix:///dev/log?framing=lf"]
    refused = urls if platform == "win32" else urls[:1]
    assert run_deprived(REFUSED, "0", *refused).splitlines() == [
        "url must be of a transport that this system has, which lacks"
        f" {url.partition(':')[0]}, got {url!r}"
        for url in refused
    ]


def test_life(run_deprived: Run) -> None:
    """The network is asked by other ways than netlink, and where signals tell of no fault none is
    waited for."""
    records = split_frames(run_deprived(LIFE, "0").encode(), "lf")
    names = [parse_rfc5424(record).msgid for record in records]
    assert names[0] == "BOOTED"
    assert names[1] in ("NETWORK-UP", "NETWORK-DOWN")
    assert names[2:] == ["ENDED"]
