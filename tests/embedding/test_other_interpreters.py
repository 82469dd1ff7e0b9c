"""More than the encoder runs on PyPy and Pyodide: what docs/embedding.md promises of each."""

import ast
import pathlib
import shutil
import socket

import pytest
from support.grammar import parse_rfc5424, split_frames
from support.other_interpreters import run_in_interpreter

import syslogfast

pytestmark = pytest.mark.surroundings

PACKAGE = pathlib.Path(syslogfast.__file__).parent

ALL = """
import logging
import syslogfast
from syslogfast import lifecycle

names = {"hostname": "web1", "app_name": "shop"}
log = syslogfast.connect("fd://1", **names)
lifecycle.install(log, network_timeout=0, watch_network=False)
log.error("sold out", msgid="SALE", structured_data={"a@1": {"b": 1}})
datagrams = syslogfast.connect(URL, **names)
datagrams.info("sold out")
datagrams.close()
assert datagrams.stats["sent"] == 1
handler = syslogfast.SysLogHandler("fd://1", **names)
handler.emit(logging.makeLogRecord({"msg": "%d sold", "args": (3,), "msgid": "HANDLED"}))
handler.close()
"""
STREAM = """
import syslogfast

log = syslogfast.connect("{}", hostname="web1", app_name="shop", procid="-")
log.info("sold out")
log.flush(10)
log.close()
print(log.stats["sent"])
"""


@pytest.fixture
def package(tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy for PyPy. Debian 12's is of Python 3.9, which cannot read annotations with |."""
    copied = pathlib.Path(shutil.copytree(PACKAGE, tmp_path / "syslogfast"))
    for path in copied.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        docstring = ast.parse(source).body[:1]
        lines = source.splitlines(keepends=True)
        at = docstring[0].end_lineno if docstring else 0
        lines.insert(at or 0, "from __future__ import annotations\n")
        path.write_text("".join(lines), encoding="utf-8")
    return copied


def run(interpreter: str, code: str, package: pathlib.Path) -> str:
    result = run_in_interpreter(interpreter, code, package)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("interpreter", ["pypy", "pyodide"])
def test_records_of_a_life(interpreter: str, package: pathlib.Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(5 if interpreter == "pypy" else 0.2)
        url = f"udp://127.0.0.1:{collector.getsockname()[1]}"
        printed = run(interpreter, f"URL = {url!r}\n{ALL}", package)
        if interpreter == "pypy":
            assert parse_rfc5424(collector.recv(9999)).message == "sold out"
        else:  # there is no network, though it says so to nobody
            with pytest.raises(TimeoutError):
                collector.recv(9999)
    msgids = [parse_rfc5424(record).msgid for record in split_frames(printed.encode(), "lf")]
    assert msgids.pop(0) == "BOOTED"
    if interpreter == "pypy":
        assert msgids.pop(0) in ("NETWORK-UP", "NETWORK-DOWN")
    # Pyodide has no network that could be down, and does not end when its program does.
    assert msgids == ["SALE", "HANDLED", *(["ENDED"] if interpreter == "pypy" else [])]


def test_stream_of_pypy(package: pathlib.Path) -> None:
    """A thread of its own connects, and sends what waits in the queue."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        assert run("pypy", STREAM.format(url), package) == "1\n"
        with listener.accept()[0] as connection, connection.makefile("rb") as file:
            connection.settimeout(5)
            (record,) = split_frames(file.read(), "lf")
    assert parse_rfc5424(record).message == "sold out"
