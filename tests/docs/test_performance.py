"""The figures in the pages are those of the results: none was typed, and none is older."""

import importlib
import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def report(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(root / "benchmarks")
    return importlib.import_module("pages.report")


@pytest.fixture
def results(root: pathlib.Path, report: ModuleType) -> object:
    return importlib.import_module("measure.results").load_results(
        root / "benchmarks/data/results.json"
    )


@pytest.fixture
def topics(root: pathlib.Path, report: ModuleType) -> dict[str, str]:
    """The pages of docs/performance, by topic."""
    return {
        topic: (root / report.FOLDER / f"{topic}.md").read_text(encoding="utf-8")
        for topic in report.TOPICS
    }


MOST_PICTURES = 16


def test_pages(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """docs/performance.md, its folder, and the tables of other pages, are as results make them."""
    pages = report.write_pages(results, root)
    assert len(pages) == 9
    for path, text in pages.items():
        assert (root / path).read_text(encoding="utf-8") == text, path
        assert report.MISSING not in text, path
    written = {path for path in pages if path.parent == report.FOLDER}
    kept = {path.relative_to(root) for path in (root / report.FOLDER).glob("*.md")}
    assert kept == written


def test_pictures(
    root: pathlib.Path, report: ModuleType, results: "Any", topics: dict[str, str]
) -> None:
    """Each was drawn from these results, names its rows and what is better, and none is left."""
    listed = importlib.import_module("pages.pictures")
    drawn = listed.list_pictures(results)
    names = sorted(picture.name for picture, _ in drawn)
    assert len(drawn) == len(listed.PICTURES) <= MOST_PICTURES
    pictures = {path.stem: path for path in (root / report.FOLDER).glob("*.svg")}
    assert sorted(pictures) == names
    assert sorted(re.findall(r"\]\(([\w-]+)\.svg\)", "".join(topics.values()))) == names
    tables = listed.find_tables(results)
    for picture, panels in drawn:
        assert set(picture.list_tables()) <= set(tables), picture.name
        text = "".join(ET.parse(pictures[picture.name]).getroot().itertext())
        assert listed.digest(picture, panels) in text, picture.name
        assert text.count(" is better") == len(panels)
        labels = [name.strip("`") for drawn in panels for name, _ in drawn.rows]
        for label in [picture.title, *labels]:
            assert label in text, (picture.name, label)


def test_rows_are_sorted(report: ModuleType, results: object) -> None:
    """The best is at the top, whether that is the least or the most."""
    listed = importlib.import_module("pages.pictures")
    compared = set()
    for _, panels in listed.list_pictures(results):
        for drawn in panels:
            if not drawn.panel.along:
                firsts = [listed.read_first(row) for row in drawn.rows]
                assert firsts == sorted(firsts, reverse=drawn.panel.best == "more")
                compared.add(drawn.panel.best)
    assert compared == {"less", "more"}


def test_loss_is_drawn(root: pathlib.Path, report: ModuleType, results: "Any") -> None:
    """A rate beside which records were lost says so in the picture."""
    picture = (root / report.FOLDER / "collectors.svg").read_text(encoding="utf-8")
    tables = importlib.import_module("pages.pictures").find_tables(results)
    losses = [
        f"{row[3]:.0f}% lost"
        for kind in ("rsyslog", "syslog-ng")
        for row in tables[f"collector-{kind}"].rows
        if row[3]
    ]
    assert len(losses) == 3
    assert sorted(re.findall(r"\d+% lost", picture)) == sorted(losses)


def test_questions(
    root: pathlib.Path, report: ModuleType, results: object, topics: dict[str, str]
) -> None:
    """Each question has a file of its own, an answer, and a place in the pages and contents."""
    files = {
        path.stem.removeprefix("bench_")
        for path in (root / "benchmarks/questions").glob("bench_*.py")
    }
    assert files == set(report.PARTS) == set(results.parts)
    placed = [part for _, parts in report.TOPICS.values() for part in parts]
    assert sorted(placed) == sorted(report.PARTS)
    index = (root / report.PAGE).read_text(encoding="utf-8")
    for topic, (title, parts) in report.TOPICS.items():
        headings = re.findall("^#{1,2} (.*)$", topics[topic], re.MULTILINE)
        assert headings == [title, *(results.parts[part].question for part in parts)]
        for question in headings[1:]:
            anchor = report.make_anchor(question)
            assert f"[{question}](performance/{topic}.md#{anchor})" in index
            assert f"[{question}](#{anchor})" in topics[topic]


def test_users(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """The index has a table for each user, in which no figure lacks, and the budget after it."""
    users = importlib.import_module("pages.users").list_users(results)
    index = (root / report.PAGE).read_text(encoding="utf-8")
    headings = re.findall("^#{2,3} (.*)$", index, re.MULTILINE)
    assert headings == [
        "For each user",
        *(user.who for user in users),
        *("The budget", "How it is measured", "Your figures"),
    ]
    for user in users:
        assert user.page in report.TOPICS
        assert len(user.rows) >= 3
        assert report.MISSING not in str(user.rows)


def test_budget(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """What is missed says why."""
    page = (root / report.PAGE).read_text(encoding="utf-8")
    for budget in importlib.import_module("pages.budgets").BUDGETS:
        assert len(budget.why) > 20 or budget.least is budget.most is None
        figure = budget.find(results)
        missed = "missed" in budget.judge(figure)
        assert (f"\n- {budget.name()}: {budget.why}\n" in page) == missed


def test_quick_tables(report: ModuleType) -> None:
    """Where a row was timed once, its table is shown without ratios and their spread."""
    tables = importlib.import_module("measure.tables")
    columns = [tables.Column(""), tables.Column("time", "ns"), tables.Column("against", "x")]
    table = tables.Table("a", "title", [*columns, tables.Column("spread", "range")], [])
    table.rows.append(["row", 12.0, 1.5, [1.2, 1.8]])
    text = "title\n        time{}\n  row  12.0 ns{}\n"
    assert tables.write_text(table, with_ratios=False).replace(" ", "") == (
        text.format("", "").replace(" ", "")
    )
    assert tables.write_text(table).replace(" ", "") == (
        text.format("  against  spread", "  1.50 x  1.20-1.80").replace(" ", "")
    )


@pytest.mark.parametrize(("goal", "missed"), [({"least": 5.0}, 4.0), ({"most": 5.0}, 6.0)])
def test_verdicts(report: ModuleType, goal: "dict[str, float]", missed: float) -> None:
    """A goal that is missed by a fifth of it says so, whichever way it goes."""
    make = importlib.import_module("pages.budgets").Budget
    budget = make("what", "against", lambda results: 0, **goal)
    assert budget.judge(5.0) == "met"
    assert budget.judge(missed) == "**missed by 20%**"


# What a run without each of these leaves out: rows and columns that name it, or whole tables.
COMPETITORS = (
    *("loggen", "logger", "syslog-rfc5424-formatter", "rfc5424-logging-handler", "hat-syslog"),
    *("structlog", "loguru", "picologging", "bqlog", "pyfastlogging", "logust", "small build"),
)
TABLES = {
    "a C compiler": "encode encode_into writer sizes small allocations timestamp-rfc5424-utc",
    "rsyslogd": "collector-rsyslog relays relay-rates",
    "syslog-ng": "collector-syslog-ng",
    "openssl": "transports collector-rsyslog collector-syslog-ng",
    "setpriv": "relays relay-rates collector-rsyslog collector-syslog-ng",
    "fail2ban": "udp-mix udp-guests",
    "a receive buffer": "udp-equal udp-mix udp-guests",
    "strip": "installed small",
    "objdump": "allocations",
    "valgrind": "instructions small",
    "smaps_rollup": "start start-site import processes processes-tcp processes-growth",
}


def leave_out(results: "Any", missing: str) -> int:
    """Take away what a run without it does not have; return how many figures that were."""
    left = 0
    for part in results.parts.values():
        for table in list(part.tables):
            before = len(table.rows) * len(table.columns)
            kept = [
                index for index, column in enumerate(table.columns) if missing not in column.heading
            ]
            table.columns = [table.columns[index] for index in kept]
            rows = [row for row in table.rows if missing not in str(row[0])]
            table.rows = [[row[index] for index in kept] for row in rows]
            left += before - len(table.rows) * len(table.columns)
            if table.name in TABLES.get(missing, "").split():
                part.tables.remove(table)
                left += before
    return left


@pytest.mark.parametrize("missing", [*COMPETITORS, *TABLES])
def test_missing(root: pathlib.Path, report: ModuleType, results: "Any", missing: str) -> None:
    """What a machine lacks is left out of the pages, which say so, and no more than that."""
    whole = report.write_pages(results, root)
    assert leave_out(results, missing)
    results.parts["record"].left_out.append(f"{missing} is not on this machine")
    pages = report.write_pages(results, root)
    records = pages[report.FOLDER / "records.md"]
    assert f"\nLeft out: {missing} is not on this machine.\n" in records
    text = "".join(pages.values())
    gone = [line for line in "".join(whole.values()).splitlines() if line not in text]
    assert 0 < len(gone) < 300
    assert pages.keys() == whole.keys()


@pytest.mark.parametrize("part", ["record", "call", "throughput", "footprint", "outage", "relays"])
def test_missing_part(root: pathlib.Path, report: ModuleType, results: "Any", part: str) -> None:
    """Nor does a page need a part of which nothing at all was measured."""
    question = results.parts.pop(part).question
    pages = report.write_pages(results, root)
    assert not any(question in page for page in pages.values())
    assert any(report.MISSING in page for page in pages.values())


def test_drawn_copy(
    report: ModuleType, results: "Any", tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib the pages are written all the same; a figure that was forgotten is told
    from one that this machine cannot measure.
    """
    pictures = "the pictures: matplotlib is not installed"
    loggen = "loggen is not on this machine"
    monkeypatch.setattr(report, "is_installed", lambda name: False)
    assert report.draw_copy(results, tmp_path) == [pictures]
    assert (tmp_path / report.PAGE).read_text(encoding="utf-8")
    assert leave_out(results, "loggen")
    results.parts["throughput"].left_out.append(loggen)
    assert report.draw_copy(results, tmp_path) == [loggen, pictures]
    assert report.MISSING in (tmp_path / "README.md").read_text(encoding="utf-8")
    results.parts["throughput"].left_out.clear()
    monkeypatch.setattr(report, "draw_pages", lambda results, root: None)
    for path, text in report.write_pages(results, tmp_path).items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    monkeypatch.setattr(report.shutil, "copy", lambda source, target: None)
    with pytest.raises(ValueError, match="must have all its figures, got one that is not measured"):
        report.draw_copy(results, tmp_path)


def test_looked_for(
    report: ModuleType, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is said by name: a program, a file of an unpacked package, a compiler."""
    missing = importlib.import_module("measure.missing")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    for ask, message in [
        (lambda: missing.find_program("loggen"), "loggen is not on this machine"),
        (lambda: missing.find_program("rsyslogd", str(tmp_path)), "rsyslogd is not on this machi"),
        (lambda: missing.find_one(str(tmp_path), "usr/bin/loggen"), "has no usr/bin/loggen"),
        (missing.require_compiler, "a C compiler is not on this machine"),
    ]:
        with pytest.raises(missing.MissingError, match=message):
            ask()
    for name in ("loggen", "gcc"):
        (tmp_path / name).touch(mode=0o755)
    assert missing.find_program("loggen") == str(tmp_path / "loggen")
    missing.require_compiler()


def test_namespace(
    report: ModuleType, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of the same namespace as one that is missing does not stand for it."""
    is_installed = importlib.import_module("measure.missing").is_installed
    (tmp_path / "sharednamespace" / "other").mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path)
    assert is_installed("sharednamespace.other")
    assert not is_installed("sharednamespace.syslog.handler")
    assert not is_installed("nosuchpackage.handler")


def load_command(root: pathlib.Path) -> "Any":
    spec = importlib.util.spec_from_file_location("command", root / "benchmarks/__main__.py")
    assert spec is not None
    assert spec.loader is not None
    command = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(command)
    return command


@pytest.mark.parametrize("busy", ["never", "before", "meanwhile"])
@pytest.mark.parametrize("arguments", [[], ["timestamp"], ["--quick"]])
@pytest.mark.parametrize("publishes", [False, True], ids=["", "publish"])
def test_published(
    root: pathlib.Path,
    report: ModuleType,
    results: "Any",
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    publishes: bool,
    busy: str,
) -> None:
    """The project's results and pages are not written but for --publish on a quiet machine."""
    command = load_command(root)
    published: list[pathlib.Path] = []
    save = importlib.import_module("measure.results").save_results
    for part in results.parts.values():
        part.busy = 0.11 if (part.name, busy) == ("timestamp", "meanwhile") else 0.09

    def measure(parts: list[str], fresh: pathlib.Path, quick: bool) -> int:
        save(results, fresh)
        return 0

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command, "look_for_others", lambda: 0.11 if busy == "before" else 0.09)
    monkeypatch.setattr(command, "ASIDE", tmp_path / "aside")
    monkeypatch.setattr(command, "is_of_this_machine", lambda path: True)
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(command, "publish", lambda fresh: published.append(root) or [])
    monkeypatch.setattr(report, "is_installed", lambda name: False)  # no pictures
    extra = ["--publish"] if publishes else []
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments, *extra])
    is_quick = "--quick" in arguments
    if publishes and is_quick:
        with pytest.raises(SystemExit):
            command.main()
    else:
        assert command.main() == (publishes and busy != "never")
    assert published == ([root] if publishes and not is_quick and busy == "never" else [])
    drawn = [tmp_path / "aside/results.json", tmp_path / "aside" / report.PAGE]
    is_aside = not is_quick and (not publishes or busy == "meanwhile")
    assert all(path.exists() is is_aside for path in drawn)


@pytest.mark.parametrize("publishes", [False, True], ids=["", "publish"])
def test_drawn_again(
    root: pathlib.Path,
    report: ModuleType,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    publishes: bool,
) -> None:
    """--draw measures nothing, and leaves the project's pages alone without --publish."""
    command = load_command(root)
    drawn = []
    monkeypatch.setattr(command, "ASIDE", tmp_path)
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(report, "draw_pages", lambda results, folder: drawn.append(folder))
    monkeypatch.setattr(report, "draw_copy", lambda results, folder: drawn.append(folder))
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--draw", *["--publish"] * publishes])
    assert command.main() == (not publishes)  # nothing was measured aside
    shutil.copy(root / "benchmarks/data/results.json", tmp_path)
    assert command.main() == 0
    assert set(drawn) == {root if publishes else tmp_path}


def test_command(root: pathlib.Path) -> None:
    """The command says what its parts are, and which it does not have."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, text=True)

    assert "record, fields, integrations, timestamp" in " ".join(run("--help").stdout.split())
    refused = run("speed")
    assert refused.returncode == 2
    assert "must be one of record, fields, integrations, time" in " ".join(refused.stderr.split())
