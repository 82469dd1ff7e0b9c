"""rsyslog into PostgreSQL, by the configuration and the statements of docs/scale.md."""

import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from support.collectors import RsyslogRelp
from support.page_sections import DOCS, read_sections
from support.postgresql import Postgresql
from support.receivers import LIMIT, find_free_port, wait_until

import syslogfast

pytestmark = [
    pytest.mark.surroundings,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the collector is Debian's"),
]

SECTION = read_sections(DOCS / "scale.md")["The fleet"]
COUNT = 300
MESSAGE = "it's \\ %s; caf\u00e9 ''); DROP TABLE records; --"


@pytest.fixture
def database() -> Iterator[Postgresql]:
    reason = Postgresql.find_missing()
    if reason:
        pytest.skip(reason)
    server = Postgresql()
    try:
        server.query("CREATE DATABASE logs")
        (statements,) = [block.text for block in SECTION.left if block.text.startswith("CREATE")]
        server.query(statements, "logs")
        yield server
    finally:
        server.close()


class Store:
    """The collector of the page before that database, with an input for plain TCP beside it."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path, database: Postgresql) -> None:
        reason = RsyslogRelp.find_missing()
        if reason:
            pytest.skip(reason)
        path = root / "examples" / "relays" / "central-postgresql.conf"
        configuration = path.read_text(encoding="utf-8")
        self.port, self.plain = find_free_port(), find_free_port()
        for old, new in {
            "/var/spool/rsyslog": str(folder),
            'type="imrelp" port="2514"': f'type="imrelp" address="127.0.0.1" port="{self.port}"',
            'port="5432"': f'port="{database.port}"',
        }.items():
            assert configuration.count(old) == 1, old
            configuration = configuration.replace(old, new)
        configuration += f"""
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{self.plain}")
"""
        (folder / "conf").write_text(configuration)
        self.output = (folder / "output").open("ab")
        executable = RsyslogRelp.executable()
        assert executable is not None
        self.command = ["setpriv", "--pdeathsig", "KILL", "--", executable]
        self.command += ["-n", "-i", "NONE", "-f", str(folder / "conf")]
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=self.output, stderr=self.output)

    def end(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(LIMIT)

    def connect(self) -> syslogfast.Emitter:
        return syslogfast.connect(
            f"relp://127.0.0.1:{self.port}?retry=0.2",
            hostname="vm-7",
            app_name="shop",
            procid=42,
            sequence_ids=True,
            on_failure=False,
        )


@pytest.fixture
def store(root: pathlib.Path, tmp_path: pathlib.Path, database: Postgresql) -> Iterator[Store]:
    collector = Store(root, tmp_path, database)
    try:
        yield collector
    finally:
        collector.end()
        collector.output.close()


def read_numbers(database: Postgresql) -> list[int]:
    rows = database.query("SELECT data FROM records ORDER BY number", "logs")
    return [int(re.findall(r'sequenceId="(\d+)"', data)[0]) for (data,) in rows]


def test_rows(database: Postgresql, store: Store) -> None:
    """Every field arrives as it was, and no text is a statement; a reader goes on where it was."""
    log = store.connect()
    when = 1_065_910_455_003_000_000
    for number in range(5):
        log.info(MESSAGE, number, msgid="SALE", time_ns=when)
    assert log.flush(LIMIT)
    log.close()
    columns = "extract(epoch from sent), host, app, process, msgid, message"
    rows = database.query(f"SELECT {columns} FROM records ORDER BY number", "logs")
    assert rows == [
        ["1065910455.003000", "vm-7", "shop", "42", "SALE", MESSAGE % number] for number in range(5)
    ]
    (reader,) = [block.text for block in SECTION.left if block.text.startswith("SELECT")]
    assert reader.count(" 17 ") == 1
    for last in (0, 3):
        rest = database.query(reader.replace(" 17 ", f" {last} "), "logs")
        assert [row[-1] for row in rest] == [MESSAGE % number for number in range(last, 5)]


@pytest.mark.parametrize("victim", ["database", "collector"])
def test_nothing_acknowledged_is_lost(database: Postgresql, store: Store, victim: str) -> None:
    """Either of them is killed under load, and comes back: each record is there, in its order."""
    log = store.connect()
    for number in range(COUNT):
        log.info("%d sold", number)
    assert wait_until(lambda: log.stats["sent"] >= COUNT // 10)
    if victim == "database":
        database.kill()
    else:
        store.end()
    acknowledged = log.stats["sent"]
    assert 0 < acknowledged < COUNT
    time.sleep(0.5)
    if victim == "database":
        database.start()
    else:
        store.start()
    assert log.flush(2 * LIMIT)
    stats = log.stats
    assert (stats["sent"], stats["queued"], stats["dropped"]) == (COUNT, 0, {})
    log.close()
    numbers = read_numbers(database)
    assert set(numbers) == set(range(1, COUNT + 1))
    # What was on its way may be there twice, and then out of order; nothing else is.
    assert len(numbers) - COUNT <= 128
    assert list(dict.fromkeys(numbers)) == list(range(1, COUNT + 1))


def test_what_the_database_refuses(database: Postgresql, store: Store) -> None:
    """As the page says: it is left out, and those after it are not held up."""
    records = [b"<14>1 - h a 1 - - %b\n" % text for text in (b"one", b"\xff", b"three")]

    def connects() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", store.plain), 1) as client:
                client.sendall(b"".join(records))
        except OSError:
            return False
        return True

    assert wait_until(connects)
    ask = "SELECT message FROM records ORDER BY number"
    assert wait_until(lambda: len(database.query(ask, "logs")) == 2)
    assert database.query(ask, "logs") == [["one"], ["three"]]
