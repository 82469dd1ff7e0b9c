"""What `syslogfast send` makes of lines: their ends, priorities, sizes, and what is not text."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from support.each import try_each
from support.grammar import parse_rfc5424, split_frames

from syslogfast.commands.arguments import ArgumentError
from syslogfast.commands.lines import LineCutter, TextCheck, find_boundary
from syslogfast.commands.send import is_like_path, leave_out_empty
from syslogfast.commands.send_options import parse_priority, parse_rate, parse_size

COMMAND = [sys.executable, "-Im", "syslogfast", "send", "--hostname", "h"]
TIME = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+Z")


def run(
    *arguments: str, text: bytes = b"", folder: "pathlib.Path | None" = None
) -> "subprocess.CompletedProcess[bytes]":
    environment = {name: os.environ[name] for name in os.environ if name != "SYSLOGFAST_URL"}
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment,
        input=text,
        capture_output=True,
        timeout=60,
    )


def list_messages(output: bytes) -> list[str | None]:
    return [parse_rfc5424(frame).message for frame in split_frames(output, "lf")]


# --- texts on the command line -------------------------------------------------------------------


@try_each(
    "arguments, message",
    [
        (["hello"], "hello"),
        (["System", "rebooted", "in", "3.5", "s"], "System rebooted in 3.5 s"),
        (["two words/and a path"], "two words/and a path"),
        (["Done."], "Done."),
        (["-m", "-x"], "-x"),
        (["-m-x"], "-x"),
        (["--message=file"], "file"),
        (["--", "-x", "--to"], "-x --to"),
        (["sold", "-t", "shop", "out"], "sold out"),
        ([""], None),
    ],
)
def test_words_that_are_no_file_are_a_text(
    tmp_path: pathlib.Path, arguments: list[str], message: str | None
) -> None:
    """As `logger` takes them."""
    (tmp_path / "file").write_bytes(b"of the file")
    result = run(*arguments, folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")
    assert list_messages(result.stdout) == [message]


def test_a_word_that_is_a_file_is_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"of the file")
    result = run("-f", "file", "--", "file", folder=tmp_path)
    assert list_messages(result.stdout) == ["of the file", "of the file"]


@try_each(
    "word, expected",
    [
        *[("a/b", True), ("acces.log", True), ("./x", True), ("v1.2", True), (".", False)],
        *[("Done.", False), (".x", False), ("a b.c", False), ("", False), ("hello", False)],
    ],
)
def test_a_word_like_a_path_is_no_text(word: str, expected: bool) -> None:
    """Who mistypes a file's name is told, and has not sent the name."""
    assert is_like_path(word) == expected


# --- priorities ----------------------------------------------------------------------------------


@try_each(
    "text, expected",
    [
        *[("notice", (1, 5)), ("5", (1, 5)), ("0", (1, 0)), ("8", (1, 0)), ("134", (16, 6))],
        *[("191", (23, 7)), ("local0.err", (16, 3)), ("LOCAL0.ERR", (16, 3)), ("128.3", (16, 3))],
        *[("Mail.Warn", (2, 4)), ("16.4", (2, 4)), ("0.4", (0, 4)), ("kern.err", (0, 3))],
        *[("user.panic", (1, 0)), ("security.error", (4, 3)), ("LOG_LOCAL0.LOG_ERR", (16, 3))],
    ],
)
def test_priorities(text: str, expected: tuple[int, int]) -> None:
    """Keywords in any case, and the numbers that they have in syslog.h."""
    assert parse_priority(text) == expected


@try_each(
    "text", ["", ".", "192", "-1", "1.5", "8.8", "192.1", "user.", ".err", "x", "user.9", "\u0665"]
)
def test_wrong_priorities(text: str) -> None:
    with pytest.raises(ArgumentError):
        parse_priority(text)


@try_each(
    "text, expected",
    [("1", 1), ("8192", 8192), ("64K", 65536), ("64k", 65536), ("4KiB", 4096), ("1M", 1 << 20)],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@try_each("text", ["", "0", "-1", "1.5", "K", "1KK", "1P", "\u0661", "9999999999", "0x10", "1 K"])
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"^SIZE must be "):
        parse_size(text)
    with pytest.raises(ArgumentError, match=r"^N must be a number above 0, got "):
        parse_rate(text if text not in ("1.5", "9999999999") else "0.0")


def test_a_prefix_sets_the_priority(tmp_path: pathlib.Path) -> None:
    """<PRI> at the begin of a line; without a facility that of -p; what is none stays text."""
    lines = [b"<11>eleven", b"plain", b"<3>three", b"<999>bad", b"<>x", b"<134>", b"<191>\r", b"<1"]
    result = run("--prio-prefix", "-p", "local1.notice", "-e", text=b"\n".join(lines))
    assert (result.returncode, result.stderr) == (0, b"")
    records = [parse_rfc5424(frame) for frame in split_frames(result.stdout, "lf")]
    assert [(record.priority, record.message) for record in records] == [
        (11, "eleven"),
        (141, "plain"),
        (139, "three"),
        (141, "<999>bad"),
        (141, "<>x"),
        (141, "<1"),
    ]


def test_the_number_of_a_process() -> None:
    """This command's, or that of the script."""
    for option, expected in (("--id=77", "77"), ("--id", None), ("-i", None)):
        (frame,) = split_frames(run(option, "x").stdout, "lf")
        procid = parse_rfc5424(frame).procid
        assert procid == expected if expected else procid.isdigit()


# --- ends of lines, and what is not UTF-8 --------------------------------------------------------


def test_ends_of_lines_and_a_bom(tmp_path: pathlib.Path) -> None:
    """LF or CRLF ends a line; a BOM at the begin of each file is left out, and of no line else."""
    bom = b"\xef\xbb\xbf"
    (tmp_path / "one").write_bytes(bom + b"first\r\n\r\nthe " + bom + b"second\nthird")
    (tmp_path / "two").write_bytes(bom)
    result = run("one", "two", "one", folder=tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")
    assert list_messages(result.stdout) == ["first", None, "the \ufeffsecond", "third"] * 2


def test_empty_lines_are_left_out() -> None:
    result = run("-e", text=b"\n\r\na\n\n \nb\r\n\r\n")
    assert list_messages(result.stdout) == ["a", " ", "b"]


@try_each(
    "lines, expected",
    [
        *[(b"a\nb\n", b"a\nb\n"), (b"\n", b""), (b"\n\n", b""), (b"\r\n", b"")],
        *[(b"a\n\nb\n", b"a\nb"), (b"\na\r\n\r\nb", b"a\r\nb"), (b"a", b"a"), (b" \n", b" \n")],
    ],
)
def test_what_an_empty_line_is(lines: bytes, expected: bytes) -> None:
    assert leave_out_empty(lines).removesuffix(b"\n") == expected.removesuffix(b"\n")


NUL_TIP = "{} is not UTF-8: it has NUL octets; try iconv -f UTF-16 -t UTF-8{} | syslogfast send"
WIDE_TIP = "{} is UTF-16, not UTF-8; try iconv -f UTF-16 -t UTF-8{} | syslogfast send"
ILL_TIP = "{} is not UTF-8: what is no character becomes U+FFFD; try iconv -t UTF-8"


@try_each(
    "parts, expected",
    [
        ([b"plain\n", "h\xe9llo \U0001f600\n".encode()], []),
        ([b"ok\n", b"caf\xe9\n", b"caf\xe9\0\n"], [ILL_TIP.format("x")]),
        (["h\xe9llo\n".encode("utf-16")], [WIDE_TIP.format("x", " x")]),
        (["hello\n".encode("utf-16-be")], [NUL_TIP.format("x", " x")]),
        ([b"a\xff\xfe\n"], [ILL_TIP.format("x")]),
        ([b"\xed\xa0\x80\n", b"\xc0\xaf\n"], [ILL_TIP.format("x")]),
    ],
)
def test_what_is_not_utf8_is_told_once(parts: list[bytes], expected: list[str]) -> None:
    told: list[str] = []
    check = TextCheck("x", told.append)
    for part in parts:
        check.look(part)
    assert told == expected


def test_it_is_told_on_standard_error() -> None:
    """And all is sent."""
    result = run(text="one\ntwo\n".encode("utf-16"))
    assert result.returncode == 0
    assert result.stderr.decode() == (f"syslogfast send: {WIDE_TIP.format('standard input', '')}\n")
    assert len(list_messages(result.stdout)) == 3


# --- long lines ----------------------------------------------------------------------------------


def cut(data: bytes, step: int, longest: int, divides: bool) -> bytes:
    cutter = LineCutter(longest, divides)
    parts = [cutter.take(data[start : start + step]) for start in range(0, len(data), step)]
    return b"".join(parts) + cutter.end()


@try_each(
    "data, expected, divided",
    [
        (b"a\nb\nc", b"a\nb\nc", b"a\nb\nc"),
        (b"12345678\nx", b"12345678\nx", b"12345678\nx"),
        (b"123456789" * 3 + b"\nx\n", b"12345678\nx\n", b"12345678\n91234567\n89123456\n789\nx\n"),
        (b"", b"", b""),
        (b"\n\n", b"\n\n", b"\n\n"),
        ("\u00e9" * 6, "\u00e9" * 4, None),
        ("a" + "\u20ac" * 6, "a" + "\u20ac" * 2, None),
    ],
)
def test_no_more_of_a_line_is_held(
    data: "bytes | str", expected: "bytes | str", divided: "bytes | None"
) -> None:
    """Whatever its length is, and however it is read; no character is cut."""
    data = data if isinstance(data, bytes) else data.encode()
    expected = expected if isinstance(expected, bytes) else expected.encode()
    for step in (1, 2, 3):
        found = cut(data, step, 8, False)
        assert found.startswith(expected)
        assert max(map(len, found.split(b"\n"))) <= 8
        if divided is not None:
            assert cut(data, step, 8, True) == divided
            assert found == expected


def test_a_boundary_is_before_a_character() -> None:
    text = "a\u20acb\U0001f600c".encode()
    assert [find_boundary(text, most) for most in range(1, 11)] == [1, 1, 1, 4, 5, 5, 5, 5, 9, 10]


def test_sizes_that_are_asked_for() -> None:
    """--max-size takes what else is cut, which is told, and has a status of its own."""
    line = b"x" * 20_000
    result = run(text=line + b"\n")
    assert (result.returncode, len(result.stdout)) == (3, 8192 + 1)
    assert result.stderr.count(b"\n") == 1
    result = run("-S", "64K", text=line + b"\n")
    assert (result.returncode, result.stderr) == (0, b"")
    assert list_messages(result.stdout) == [line.decode()]


def test_a_long_line_is_divided() -> None:
    result = run("-v", "--split", "-S", "200", text=b"short\n" + b"y" * 300 + b"\n")
    assert result.returncode == 0
    first, *parts = [parse_rfc5424(frame) for frame in split_frames(result.stdout, "lf")]
    assert first.message == "short"
    assert "".join(part.message or "" for part in parts) == "y" * 300
    assert [part.structured_data for part in parts] == [
        [("part@32473", [("number", str(number)), ("of", str(len(parts)))])]
        for number in range(1, len(parts) + 1)
    ]
    assert result.stderr.startswith(b"%d records of 2 lines, " % (1 + len(parts)))


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("options", [[], ["--split"]], ids=["cut", "divided"])
def test_memory_is_bounded_for_any_line(options: list[str]) -> None:
    """32 MB without an end take no more than a few lines do, but for what waits to be sent."""
    code = (
        "import resource, subprocess, sys\n"
        "process = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=-3, stderr=-3)\n"
        "block = b'x' * (1 << 20)\n"
        "for _ in range(32): process.stdin.write(block)\n"
        "process.stdin.close()\n"
        "print(process.wait(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    command = [sys.executable, "-Ic", code, *COMMAND, *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    status, most = map(int, result.stdout.split())
    assert status == (0 if options else 3)
    assert most < 48 << 10  # KiB


# --- what is done beside sending -----------------------------------------------------------------


def test_a_copy_on_standard_error() -> None:
    """-s: the record as it is sent, without its framing."""
    result = run("-s", "--to", "fd://1?framing=octet", "--prio-prefix", text=b"one\n<3>two\n")
    frames = split_frames(result.stdout, "octet")
    assert result.stderr.splitlines() == frames
    assert [parse_rfc5424(frame).priority for frame in frames] == [13, 11]


def test_no_act_sends_nothing() -> None:
    """But all else is done, limits included."""
    result = run("--no-act", "-s", "-v", "--to", "udp://192.0.2.1", text=b"one\n" + b"x" * 3000)
    assert result.returncode == 3
    first, second, *told = result.stderr.splitlines()
    assert TIME.sub(b"TIME", first) == b"<13>1 TIME h syslogfast - - - one"
    assert len(second) == 2048
    assert told[0].startswith(b"2 lines, 1 of them truncated, ")
    assert b" bytes to udp://192.0.2.1 (--no-act) in " in told[0]
    assert told[1].startswith(b"syslogfast send: cut to 2,048 octets: 1 of 2; ")


def test_it_is_silent_unless_asked() -> None:
    """A summary is for a terminal, or for who asks for it."""
    assert run("one").stderr == b""
    assert re.match(rb"1 line, \d+ bytes to standard output in ", run("-v", "one").stderr)


def test_a_rate_is_kept() -> None:
    """The first line goes at once, each other one in its time."""
    result = run("--rate", "40", text=b"a\n" * 9)
    times = [parse_rfc5424(frame).timestamp for frame in split_frames(result.stdout, "lf")]
    seconds = [float(time[17:-1]) for time in times]
    assert (seconds[-1] - seconds[0]) % 60 > 8 / 40 - 0.005
