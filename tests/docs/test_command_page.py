"""What docs/command.md shows is what the command does."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest
from support.certificates import find_openssl
from support.listeners import Listener, listen
from support.page_sections import Page, Section, Stage

PAGE = Page("command.md")
SHOWN_PEER = "192.0.2.7:40112"


def list_arguments(text: str) -> list[str]:
    """Return the arguments of `syslogfast listen`."""
    command, name, *arguments = shlex.split(text)
    assert (command, name) == ("syslogfast", "listen")
    return arguments


def send_lines(listener: Listener, lines: list[str], count: int) -> tuple[list[str], str]:
    """Send each as a datagram; return so many lines that are shown, and the peer."""
    with listener.open("udp") as opened:
        for line in lines:
            opened.send(line.encode())
        peer = "{}:{}".format(*opened.getsockname())
        shown = listener.wait_for_lines(count)
    listener.end()
    assert len(listener.output.splitlines()) == count
    return shown, peer


@PAGE.check("listen")
def check_listen(section: Section, stage: Stage) -> None:
    """Lines as they are shown, but for the peer; columns may be as wide as they have become."""
    assert list_arguments(section.take("sh")) == []  # tests/docs/test_readme.py runs this
    records = section.take("text").splitlines()
    with listen() as listener:
        lines, peer = send_lines(listener, records, len(records))
    shown = section.take("text").splitlines()
    assert [line.replace(peer, SHOWN_PEER) for line in lines] == shown

    arguments = list_arguments(section.take("sh"))
    arguments[arguments.index("/tmp/log")] = str(stage.folder / "log")
    expected = section.take("text").splitlines()
    if find_openssl():
        with listen(*arguments, sockets=len(expected)) as listener:
            told = [f"listening on {place}" for place in listener.places]
            listener.end()
        for line, wanted in zip(told, expected, strict=True):
            assert simplify(line) == simplify(wanted)

    arguments = list_arguments(section.take("sh"))
    shown = section.take("json").splitlines()
    with listen("--udp", "0", *arguments, sockets=1) as listener:
        lines, peer = send_lines(listener, records, len(shown))
        assert listener.errors.read().endswith(b" malformed, 2 left out\n")
    assert [line.replace(peer, SHOWN_PEER) for line in lines] == shown


def simplify(line: str) -> str:
    return re.sub(r"(?<=127.0.0.1:)\d+|/[^ ]*/(syslogfast-[^/]*)?", "", line)


def test_every_option_of_listen_is_there() -> None:
    """The two tables have what --help has, with the same values."""
    result = subprocess.run(
        [sys.executable, "-Im", "syslogfast", "listen", "--help"],
        env={"COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = set(re.findall(r"^  (--[a-z-]+(?: [A-Z\[\]:]+)?)(?:  |$)", result.stdout, re.MULTILINE))
    text = PAGE.sections["listen"].text
    assert told == set(re.findall(r"`(--[a-z-]+(?: [A-Z\[\]:]+)?)`", text))


@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_blocks(heading: str, tmp_path: pathlib.Path) -> None:
    PAGE.run(heading, tmp_path)
