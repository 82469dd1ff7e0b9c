"""Pages of docs, section by section: what runs their blocks, and looks at what comes of it.

Each example runs by itself, in a fresh interpreter. Where one sends to an address, the stage has
put a socket there.
"""

import datetime
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from support.grammar import Rfc5424Record, parse_rfc5424, split_frames

DOCS = pathlib.Path(__file__).parents[2] / "docs"
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
USER, DAEMON, LOCAL0 = 8, 24, 128  # the facilities of the examples, times 8


class Broken:
    def __str__(self) -> str:
        raise ValueError


# What a program may bind, by mistake or by malice, and the structured data that it becomes.
MALICIOUS = """
class Broken:
    def __str__(self):
        raise ValueError

MALICIOUS = {
    "": "none", "a b": 17, '=]"': '=]"\\\\', "caf\\u00e9": "caf\\u00e9", "n" * 40: None,
    "\\n<0>1 ": "\\n<0>1 - - - - - - forged", "name": b"\\xff", "msg": Broken(), "%s": "\\udc80",
}
"""
HARMLESS = [
    ("_", "none"),
    ("a_b", "17"),
    ("___", '=]"\\'),
    ("caf_", "caf\u00e9"),
    ("_<0>1_", "#012<0>1 - - - - - - forged"),
    ("name", "\ufffd"),
    ("msg", "<unprintable Broken: ValueError>"),
    ("%s", "\ufffd"),
]


class Block(NamedTuple):
    language: str
    name: str  # of the file that it is, if the text says so
    text: str


class Section:
    """What stands below one heading, and which of its blocks have not been run yet."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.left = [
            Block(language, name, block)
            for name, language, block in re.findall(
                r"(?:`([^`\n]+)`:\n\n)?^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
            )
        ]
        fences = re.findall("^[ >]*(?:```|~~~)", text, re.MULTILINE)
        assert len(fences) == 2 * len(self.left), "a block that is not fenced by ``` at the margin"

    def take(self, language: str, name: str = "") -> str:
        """Return the first block left of that language and name."""
        for block in self.left:
            if block[:2] == (language, name):
                self.left.remove(block)
                return block.text
        raise LookupError(f"no block left of {language} {name}")

    def list_rows(self) -> list[list[str]]:
        """Return the cells of its table, but for its first two rows."""
        rows = re.findall(r"^\|(.*)\|$", self.text, re.MULTILINE)
        return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def read_sections(page: pathlib.Path) -> dict[str, Section]:
    """Return the sections of a page by heading; what precedes the first one has none."""
    parts = re.split("^## (.*)$", "## \n" + page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(set(parts[1::2])) == len(parts[1::2])
    return {title: Section(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}


class Run(NamedTuple):
    """A program that has run: its process, when it ran, and what it wrote."""

    pid: int
    started: float
    ended: float
    out: bytes
    err: bytes

    def check_time(self, timestamp: str) -> None:
        assert timestamp.endswith("Z")
        when = datetime.datetime.fromisoformat(timestamp.removesuffix("Z") + "+00:00")
        assert self.started - 1e-3 <= when.timestamp() <= self.ended + 1e-3

    def check(self, record: bytes, severity: str, message: str, **fields: object) -> None:
        """Compare every field of a record; `facility`, as PRI has it, is user unless given."""
        facility = fields.pop("facility", USER)
        assert isinstance(facility, int)
        parsed = parse_rfc5424(record)
        self.check_time(parsed.timestamp)
        expected = Rfc5424Record(
            priority=facility + SEVERITIES.index(severity),
            timestamp=parsed.timestamp,
            hostname=socket.gethostname(),
            app_name="shop",
            procid=str(self.pid),
            msgid="-",
            structured_data=[],
            message=message,
            bom=False,
        )
        assert parsed == expected._replace(**fields)

    def compare(self, shown: str) -> None:
        """Compare all output with what the page shows; time and process are this run's."""
        records = split_frames(self.out, "lf")
        lines = shown.splitlines()
        assert len(records) == len(lines)
        for record, line in zip(records, lines, strict=True):
            parsed = parse_rfc5424(record)
            self.check_time(parsed.timestamp)
            assert parsed == parse_rfc5424(line.encode())._replace(
                timestamp=parsed.timestamp, procid=str(self.pid)
            )


class Stage:
    """A folder to run programs in, and the sockets that stand for what they send to."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.sockets: list[socket.socket] = []

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def run(self, program: str, status: int = 0, backend: str = "") -> Run:
        self.write("shop.py", program)
        command = [sys.executable, "-Es", "-W", "error", str(self.folder / "shop.py")]
        environment = {"SYSLOGFAST_BACKEND": backend} if backend else {}
        started = time.time()
        with subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            try:
                out, err = process.communicate(timeout=30)
            finally:
                process.kill()
        assert process.returncode == status, err.decode()
        return Run(process.pid, started, time.time(), out, err)

    def run_quiet(self, program: str) -> Run:
        run = self.run(program)
        assert run.err == b""
        return run

    def listen(self, text: str) -> str:
        """Return the text with its one address replaced by that of a socket that is open here."""
        if "/dev/log" in text:
            receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            receiver.bind(str(self.folder / "log"))
            old, new = '"/dev/log"', repr(str(self.folder / "log"))
        else:
            receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            receiver.bind(("127.0.0.1", 0))
            port = receiver.getsockname()[1]
            old, new = '"localhost", 514', f'"127.0.0.1", {port}'
            if "udp://192.0.2.1:514" in text:
                old, new = "udp://192.0.2.1:514", f"udp://127.0.0.1:{port}"
        self.sockets.append(receiver)
        receiver.settimeout(10)
        assert text.count(old) == 1
        return text.replace(old, new)

    def serve(self, text: str) -> str:
        """Return the text with its one collector on TCP replaced by a listener that is here."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.sockets.append(listener)
        listener.settimeout(10)
        port = listener.getsockname()[1]
        old, new = '"localhost", 601', f'"127.0.0.1", {port}'
        if "tcp://localhost:601" in text:
            old, new = "tcp://localhost:601", f"tcp://127.0.0.1:{port}"
        assert text.count(old) == 1
        return text.replace(old, new)

    def receive_stream(self) -> bytes:
        """Return what the one connection brings, which is closed by now."""
        listener = self.sockets.pop()
        with listener, listener.accept()[0] as connection, connection.makefile("rb") as file:
            connection.settimeout(10)
            return file.read()

    def receive(self, count: int) -> list[bytes]:
        """Return so many datagrams; there must not be more."""
        (receiver,) = self.sockets
        datagrams = [receiver.recv(65536) for _ in range(count)]
        receiver.setblocking(False)
        with pytest.raises(BlockingIOError):
            receiver.recv(1)
        return datagrams

    def close(self) -> None:
        for receiver in self.sockets:
            receiver.close()


RUN_SESSION = """
import doctest
session = doctest.DocTestParser().get_doctest({!r}, {{}}, "page", None, 0)
assert doctest.DocTestRunner().run(session) == (0, {})
"""


def check_session(section: Section, stage: Stage) -> None:
    """Every statement of the section's Python session gives what it shows."""
    session = ""
    while section.left:
        session += section.take("pycon")
    stage.run_quiet(RUN_SESSION.format(session, session.count(">>> ")))


Check = Callable[[Section, Stage], None]


class Page:
    """A page of docs, with a check for each of its sections that has blocks."""

    def __init__(self, name: str) -> None:
        self.sections = read_sections(DOCS / name)
        self.checks: dict[str, Check] = {}

    def check(self, heading: str) -> Callable[[Check], Check]:
        """Register what runs the blocks of a section."""

        def register(check: Check) -> Check:
            assert heading in self.sections, f"no section {heading!r}"
            self.checks[heading] = check
            return check

        return register

    def list_headings(self) -> list[str]:
        """Return the headings of what is checked, and of what has blocks."""
        return sorted(
            self.checks.keys() | {title for title, section in self.sections.items() if section.left}
        )

    def run(self, heading: str, folder: pathlib.Path) -> None:
        """Run the check of a section, which leaves none of its blocks out."""
        assert heading in self.checks, "this section has blocks that nothing runs"
        section = Section(self.sections[heading].text)
        stage = Stage(folder)
        try:
            self.checks[heading](section, stage)
        finally:
            stage.close()
        assert section.left == []
