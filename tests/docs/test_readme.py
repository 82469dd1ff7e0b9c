"""What README shows is true: each example is run, and no figure is typed by hand."""

import importlib
import pathlib
import posixpath
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.code_blocks import list_blocks
from support.grammar import parse_rfc5424
from support.page_sections import RUN_SESSION, Run, Section, Stage

MAX_LINES = 130
# The sections with code, the most frequent user's first.
USERS = (
    "A program that uses `logging`",
    "A unikernel, a microVM, a container",
    "A host that speaks for thousands of guests",
    "Another Cython or C module, an embedded interpreter",
)


@pytest.fixture
def text(root: pathlib.Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def sections(text: str) -> dict[str, Section]:
    parts = re.split("^## (.*)$", text, flags=re.MULTILINE)
    return {title: Section(part) for title, part in zip(parts[1::2], parts[2::2], strict=True)}


@pytest.fixture
def stage(tmp_path: pathlib.Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def check_record(run: Run, record: bytes, shown: str) -> None:
    """Compare a record with what the page shows; time, host and process are this run's."""
    parsed = parse_rfc5424(record)
    run.check_time(parsed.timestamp)
    expected = parse_rfc5424(shown.encode())._replace(
        timestamp=parsed.timestamp, procid=str(run.pid)
    )
    if expected.hostname == "web1":
        expected = expected._replace(hostname=socket.gethostname())
    assert parsed == expected


def test_length(text: str, sections: dict[str, Section]) -> None:
    """The page is read in a minute; each user has three lines of code, beside the imports."""
    assert len(text.splitlines()) <= MAX_LINES
    assert tuple(sections)[: len(USERS)] == USERS
    for user in USERS:
        blocks = [block for block in sections[user].left if block.language != "text"]
        assert blocks
        for block in blocks:
            lines = [line.removeprefix(">>> ") for line in block.text.splitlines()]
            code = [line for line in lines if line and not re.match("(import|from|b') ?", line)]
            # The first of them sets up in three lines, and logs in one more.
            assert len(code) <= (4 if user == USERS[0] else 3), code


def test_every_block_is_run(sections: dict[str, Section]) -> None:
    """Each is one of those that the tests below take."""
    kinds = {title: [block.language for block in each.left] for title, each in sections.items()}
    assert {title: blocks for title, blocks in kinds.items() if blocks} == {
        USERS[0]: ["python", "text"],
        USERS[1]: ["python", "text"],
        USERS[2]: ["python", "text"],
        USERS[3]: ["pycon", "cython"],
        "Two commands": ["sh", "sh"],
    }


def test_logging(sections: dict[str, Section], stage: Stage, backend: str) -> None:
    section = sections[USERS[0]]
    run = stage.run(stage.serve(section.take("python")), backend=backend)
    assert (run.out, run.err) == (b"", b"")
    (record,) = stage.receive_stream().splitlines()
    check_record(run, record, section.take("text").rstrip("\n"))


def test_logging_without_install(sections: dict[str, Section], stage: Stage, backend: str) -> None:
    """As the text says, no byte is another one without it."""
    section = sections[USERS[0]]
    program = section.take("python")
    assert program.count("syslogfast.loggers.install()\n") == 1
    program = program.replace("syslogfast.loggers.install()\n", "")
    run = stage.run(stage.serve(program), backend=backend)
    (record,) = stage.receive_stream().splitlines()
    check_record(run, record, section.take("text").rstrip("\n"))


def test_unikernel(sections: dict[str, Section], stage: Stage, backend: str) -> None:
    """The lines send what the text says, up to the crash that comes after them."""
    section = sections[USERS[1]]
    program = stage.listen(section.take("python"))
    number = len(program.splitlines()) + 1
    program += 'raise TimeoutError("the bank is closed")\n'
    run = stage.run(program, status=1, backend=backend)
    records = stage.receive(5)
    parsed = [parse_rfc5424(record) for record in records]
    network = [each for each in parsed if each.msgid in ("NETWORK-UP", "NETWORK-DOWN")]
    assert len(network) == 1
    sent = {each.msgid: record for each, record in zip(parsed, records, strict=True)}
    assert set(sent) == {"BOOTED", network[0].msgid, "-", "CRASHED", "ENDED"}
    sold, crashed = section.take("text").splitlines()
    check_record(run, sent["-"], sold)
    assert f'line="{number}"' in crashed
    # The page has the file's name alone, and the time since another machine's boot.
    up_time = re.compile(rb'sysUpTime="\d+"')
    told = sent["CRASHED"].replace(str(stage.folder / "shop.py").encode(), b"shop.py")
    check_record(run, up_time.sub(b'sysUpTime="261"', told), crashed)


def test_host(sections: dict[str, Section], stage: Stage, backend: str) -> None:
    section = sections[USERS[2]]
    run = stage.run(stage.listen(section.take("python")), backend=backend)
    (record,) = stage.receive(1)
    parsed = parse_rfc5424(record)
    # A child has the process of its emitter unless it is given one.
    assert parsed.procid == str(run.pid)
    check_record(run, record, section.take("text").rstrip("\n"))


def test_session(sections: dict[str, Section], stage: Stage, backend: str) -> None:
    session = sections[USERS[3]].take("pycon")
    program = RUN_SESSION.format(session, session.count(">>> "))
    assert stage.run(program, backend=backend).err == b""


def test_cython(root: pathlib.Path, sections: dict[str, Section]) -> None:
    """The lines are those of the module in docs/encoder.md, which test_encoder_page.py runs."""
    (module,) = list_blocks(root / "docs" / "encoder.md", "cython")
    lines = sections[USERS[3]].take("cython").splitlines(keepends=True)
    assert "".join(f"        {line}" for line in lines) in module


def test_the_first_command_does_its_main_job(root: pathlib.Path) -> None:
    """Its last part, run here: one record for each line of this README."""
    command = list_blocks(root / "README.md", "sh")[0].strip()
    setup, _, job = command.rpartition(" && .venv/bin/")
    assert setup == "python3 -m venv .venv && .venv/bin/pip install ."
    words = shlex.split(job)
    assert words[0] == "syslogfast"
    result = subprocess.run(
        [sys.executable, "-Im", *words], cwd=root, capture_output=True, check=True, timeout=60
    )
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    records = result.stdout.decode().splitlines()
    assert len(records) == len(lines)
    texts = [record.split(" ", 7)[7:] for record in records]
    assert texts == [[line] if line else [] for line in lines]


def test_the_second_command_is_the_one_that_runs_these_tests(root: pathlib.Path) -> None:
    """CI takes it from here and runs it as it stands."""
    assert list_blocks(root / "README.md", "sh")[1].strip() == (
        "python3 -m venv .venv && .venv/bin/pip install '.[test]' && "
        ".venv/bin/python -Im pytest -n auto"
    )


FIGURE = re.compile(r"\d[\d.,]*(?:e\d+)? ?(?:(?:ns|us|ms|[KMG]?B|x|[kM]/s|%|bytes|times)(?!\w))")


def test_figures(root: pathlib.Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each stands between the comments, where those of the results are written, and nowhere else.

    What was measured stands in a page on performance, too; ratios are of two such figures.
    """
    before, _, rest = text.partition("<!-- figures: costs -->")
    quoted, end, after = rest.partition("<!-- end -->")
    assert end
    prose = re.sub("^```.*?^```$", "", before + after, flags=re.MULTILINE | re.DOTALL)
    assert FIGURE.findall(prose) == []
    rows = re.findall(r"^\|(.*)\|$", quoted, re.MULTILINE)[2:]
    assert len(rows) == 8
    monkeypatch.syspath_prepend(root / "benchmarks")
    report = importlib.import_module("pages.report")
    load_results = importlib.import_module("measure.results").load_results
    pages = report.write_pages(load_results(root / "benchmarks/data/results.json"), root)
    cells = {
        cell.strip()
        for path, page in pages.items()
        if path.name != "README.md"
        for row in re.findall(r"^\|(.*)\|$", page, re.MULTILINE)
        for cell in row.split("|")
    }
    for row in rows:
        _, ours, _, theirs, ratio = [cell.strip() for cell in row.split("|")]
        assert {ours, theirs} <= cells
        assert ratio.endswith(" x")
    sentences = quoted.rpartition("|")[2]
    measured = [figure for figure in FIGURE.findall(sentences) if not figure.endswith(" x")]
    assert len(measured) >= 8
    assert {figure.removesuffix(" %") for figure in measured} <= cells


def test_links(root: pathlib.Path, text: str) -> None:
    """Each leads to a file, and to a heading of it; its text is the file's name.

    Pages that README does not name are named by those that it does.
    """
    links = re.findall(r"\[([^]]+)\]\(([^)#]+)(?:#([^)]+))?\)", text)
    assert len(links) > 15
    for name, path, heading in links:
        assert name == path
        assert (root / path).exists(), path
        if heading:
            page = (root / path).read_text(encoding="utf-8")
            headings = re.findall("^##+ (.*)$", page, re.MULTILINE)
            assert heading in [each.lower().replace(" ", "-") for each in headings]
    found: set[str] = set()
    new = {path.removeprefix("docs/") for _, path, _ in links if path.startswith("docs/")}
    while new:
        name = new.pop()
        found.add(name)
        page = (root / "docs" / name).read_text(encoding="utf-8")
        places = re.findall(r"\]\(((?!\.\.)[\w./-]+\.md)[)#]", page)
        new |= {posixpath.join(posixpath.dirname(name), place) for place in places} - found
    pages = (root / "docs").rglob("*.md")
    assert found == {path.relative_to(root / "docs").as_posix() for path in pages}
