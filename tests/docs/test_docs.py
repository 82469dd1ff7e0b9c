"""What the pages in docs show is true: the shorter pages, and that none is left out."""

import contextlib
import importlib
import pathlib
import re
import socket
import types
from typing import Any

import pytest
import yaml
from support.grammar import split_frames
from support.page_sections import (
    DOCS,
    RUN_SESSION,
    Page,
    Section,
    Stage,
    check_session,
    read_sections,
)
from support.receivers import Sink, url_of, wait_until

import syslogfast
from syslogfast import services

# --- delivery.md ----------------------------------------------------------------------------------

DELIVERY = Page("delivery.md")


@DELIVERY.check("Transports")
def check_transports(section: Section, stage: Stage) -> None:
    """The configuration of rsyslog is run by test_full_disk.py; it needs the file that it names."""
    assert "store.py" in section.take("")
    assert (pathlib.Path(__file__).parents[2] / "examples" / "relays" / "store.py").exists()
    check_session(section, stage)


DELIVERY.check("The queue")(check_session)


@DELIVERY.check("What standard error says when nothing can be sent")
def check_failures(section: Section, stage: Stage) -> None:
    """Both lines stand on standard error: nobody listens at that port."""
    run = stage.run(section.take("python"))
    assert run.out == b""
    assert run.err.decode() == section.take("text")


@DELIVERY.check("What happens to the records when ...")
def check_events(section: Section, stage: Stage) -> None:
    """The application's shutdown sends what lingers: nothing else does at such an end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        example = "udp://127.0.0.1:5514"
        program = section.take("python")
        assert program.count(example) == 1
        serve = """
import asyncio, os
async def serve():
    async with lifespan(None):
        pass
    os._exit(0)
asyncio.run(serve())
"""
        stage.run_quiet(program.replace(example, url_of(receiver)) + serve)
        assert receiver.recv(2048).endswith(b" started")


# --- emitter.md -----------------------------------------------------------------------------------

EMITTER = Page("emitter.md")


@EMITTER.check("Records")
@EMITTER.check("Texts of several lines, and long ones")
def check_emitter(section: Section, stage: Stage) -> None:
    """The page is one session, which closes at its end what it has opened at its begin."""
    blocks = [block for each in EMITTER.sections.values() for block in each.left]
    assert {block.language for block in blocks} == {"pycon"}
    session = "".join(block.text for block in blocks)
    stage.run_quiet(RUN_SESSION.format(session, session.count(">>> ")))
    section.left.clear()


# --- scale.md -------------------------------------------------------------------------------------

SCALE = Page("scale.md")


@SCALE.check("One rack: two relays")
def check_relays(section: Section, stage: Stage) -> None:
    """The configurations are those of the example, which test_relays.py runs."""
    program = section.take("python")
    sent = f"{program}print(*log._sender.retry_policy.urls)\n"
    assert sorted(stage.run_quiet(sent).out.split()) == [
        b"relp://relay1:2514",
        b"relp://relay2:2514",
    ]
    folder = pathlib.Path(__file__).parents[2] / "examples" / "relays"
    for name in ("relay-relp.conf", "relay-tcp.conf", "central.conf"):
        assert section.take("", name) == (folder / name).read_text(encoding="utf-8")


@SCALE.check("The fleet")
def check_store(section: Section, stage: Stage) -> None:
    """The statements and the configuration are run by test_postgresql.py; the file is that one."""
    name = "central-postgresql.conf"
    path = pathlib.Path(__file__).parents[2] / "examples" / "relays" / name
    assert section.take("", name) == path.read_text(encoding="utf-8")
    assert [section.take("sql").split()[0] for _ in range(2)] == ["CREATE", "SELECT"]


def test_growth(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell is by the formula above the table, of what was measured for one emitter."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    tables = importlib.import_module("measure.tables")
    load_results = importlib.import_module("measure.results").load_results
    find = load_results(root / "benchmarks/data/results.json").find
    stored = find("collector-rsyslog", "tcp: emit_many", "stored")
    text = SCALE.sections["The arithmetic"].text.partition("<!-- figures: growth -->")[2]
    rows = re.findall(r"^\| ([\d,]+) \|(.*)\|$", text, re.MULTILINE)
    assert [int(number.replace(",", "")) for number, _ in rows] == [10**n for n in (3, 4, 5, 6)]
    for number, cells in rows:
        emitters = int(number.replace(",", ""))
        assert [cell.strip() for cell in cells.split("|")] == [
            tables.write_cell(177 * emitters, "bytes"),
            tables.write_cell(find("emitters-memory", "10,000", "syslogfast") * emitters, "bytes"),
            tables.write_cell(find("emitters-cost", "10,000", "syslogfast") * emitters, "ns"),
            tables.write_cell(
                find("processes", "syslogfast", "proportional memory") * emitters, "bytes"
            ),
            tables.write_cell(find("processes", "syslogfast", "record, CPU") * emitters, "ns"),
            f"{emitters // 1000:,}",
            str(-int(-emitters // (stored / 2))),
        ]


# --- performance.md -------------------------------------------------------------------------------

PERFORMANCE = Page("performance.md")


@PERFORMANCE.check("Your figures")
def check_benchmarks(section: Section, stage: Stage) -> None:
    """It takes too long for a test; .ci/run runs its quick form."""
    assert section.take("sh").endswith(" && .venv/bin/python -m benchmarks\n")


# --- services.md ----------------------------------------------------------------------------------

SERVICES = Page("services.md")


@SERVICES.check("The forms")
def check_forms(section: Section, stage: Stage) -> None:
    """Each row's call gives the record, framing and place of that row; no function is missing."""
    opened: list[tuple[object, dict[str, Any]]] = []
    names = set()
    when = 1_065_910_455_003_000_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            services, "connect", lambda transport, **options: opened.append((transport, options))
        )
        for row in section.list_rows():
            call, record, framing, place = [cell.strip("`") for cell in row]
            eval(call, vars(services).copy())
            transport, options = opened.pop()
            assert (str(transport), options.pop("framing")) == (place, framing)
            encoder = syslogfast.Encoder(hostname="web1", app_name="shop", procid=42, **options)
            expected = record.replace("TIME", syslogfast.format_timestamp(when))
            assert encoder.encode("info", "sold out", time_ns=when).decode() == expected
            names.add(call.partition("(")[0])
    kinds = types.FunctionType
    own = [name for name, value in vars(services).items() if isinstance(value, kinds)]
    public = {name for name in own if "https://" in (getattr(services, name).__doc__ or "")}
    assert names == public


@SERVICES.check("Datadog, Papertrail, InsightOps")
def check_agent(section: Section, stage: Stage) -> None:
    """A listener stands for the Agent, at the port that its configuration names."""
    (listener,) = yaml.safe_load(section.take("yaml", "conf.d/syslog.d/conf.yaml"))["logs"]
    assert (listener["type"], listener["source"]) == ("tcp", "syslog")
    place = f"tcp://127.0.0.1:{listener['port']}"
    program = section.take("python")
    assert program.count(place) == 1
    with contextlib.closing(Sink()) as sink:
        run = stage.run_quiet(program.replace(place, url_of(sink)))
        assert wait_until(lambda: sink.count_lines() == 1)
        (record,) = split_frames(sink.received, "lf")
    run.check(record, "info", "sold out")


SERVICES.check("Another place")(check_session)


# --- all pages -----------------------------------------------------------------------------------

HERE = pathlib.Path(__file__).parent
PAGES = {
    "delivery.md": DELIVERY,
    "emitter.md": EMITTER,
    "scale.md": SCALE,
    "performance.md": PERFORMANCE,
    "services.md": SERVICES,
}


@pytest.mark.parametrize(
    ("name", "heading"),
    [(name, title) for name, page in PAGES.items() for title in page.list_headings()],
)
def test_section(name: str, heading: str, tmp_path: pathlib.Path) -> None:
    """Each section with blocks has a check here."""
    PAGES[name].run(heading, tmp_path)


def test_every_page_is_run() -> None:
    """Each that has blocks stands in a file here; an sdist without pages would leave none."""
    sources = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("test_*.py"))
    pages = {
        page.relative_to(DOCS).as_posix()
        for page in DOCS.rglob("*.md")
        if any(section.left for section in read_sections(page).values())
    }
    assert len(pages) > 5
    assert pages == set(re.findall(r' = Page\("(.*?)"\)', sources))


MOST_LINES = 400


def test_no_page_is_long() -> None:
    """A page above that is two: a reader looks for one answer."""
    lengths = {
        page.relative_to(DOCS).as_posix(): len(page.read_text(encoding="utf-8").splitlines())
        for page in DOCS.rglob("*.md")
    }
    assert [page for page, lines in lengths.items() if lines > MOST_LINES] == []


def list_links(page: pathlib.Path) -> list[tuple[pathlib.Path, str]]:
    """Return where a page links to, and the heading there."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\((?!https?://)([^()#\s]*)(?:#([\w-]+))?\)", text)
    return [((page.parent / path).resolve() if path else page, anchor) for path, anchor in links]


def list_anchors(page: pathlib.Path) -> list[str]:
    headings = re.findall("^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    ]


def test_links_lead_somewhere() -> None:
    """Each link of a page is to a file of the repository, and to a heading of it, if any."""
    seen = 0
    for page in DOCS.rglob("*.md"):
        for path, anchor in list_links(page):
            assert path.exists(), f"{page}: {path}"
            assert not anchor or anchor in list_anchors(path), f"{page}: {path}#{anchor}"
            seen += 1
    assert seen > 50
