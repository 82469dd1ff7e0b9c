"""The figures in the pages are those of the results: none was typed, and none is older."""

import importlib
import pathlib
import re
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


def test_pages(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """docs/performance.md, and the tables of other pages, are as the results make them."""
    pages = report.write_pages(results, root)
    assert len(pages) == 4
    for path, text in pages.items():
        assert (root / path).read_text(encoding="utf-8") == text, path
        assert report.MISSING not in text


def test_pictures(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """Each was drawn from a table of these results, names its rows, and none is left over."""
    tables = report.list_drawn(results)
    pictures = {path.stem: path for path in (root / "docs/performance").glob("*.svg")}
    assert len(tables) > 20
    assert sorted(pictures) == sorted(table.name for table in tables)
    page = (root / "docs/performance.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(performance/(.*)\.svg\)", page)) == sorted(pictures)
    for table in tables:
        picture = ET.parse(pictures[table.name]).getroot()
        text = "".join(picture.itertext())
        assert table.digest() in text, table.name
        labels = table.plot.columns if table.plot.kind == "lines" else list_measured(table)
        for label in [table.title, *labels]:
            assert label in text, (table.name, label)


def list_measured(table: "Any") -> list[str]:
    """Return the names of the rows that have a figure in the picture."""
    headings = [column.heading for column in table.columns]
    places = [headings.index(heading) for heading in table.plot.columns]
    return [row[0] for row in table.rows if any(row[place] is not None for place in places)]


def test_questions(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """Each question has a file of its own, an answer, and a place in the page."""
    files = {
        path.stem.removeprefix("bench_")
        for path in (root / "benchmarks/questions").glob("bench_*.py")
    }
    assert files == set(report.PARTS) == set(results.parts)
    page = (root / "docs/performance.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings == ["The budget", *(results.parts[part].question for part in report.PARTS)]


def test_budget(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """What is missed says why."""
    page = (root / "docs/performance.md").read_text(encoding="utf-8")
    for budget in importlib.import_module("pages.budgets").BUDGETS:
        figure = budget.find(results)
        missed = "missed" in budget.judge(figure)
        assert (f"\n- {budget.name()}: {budget.why}\n" in page) == missed
        assert len(budget.why) > 20 or budget.least is budget.most is None


@pytest.mark.parametrize(("goal", "missed"), [({"least": 5.0}, 4.0), ({"most": 5.0}, 6.0)])
def test_verdicts(report: ModuleType, goal: "dict[str, float]", missed: float) -> None:
    """A goal that is missed by a fifth of it says so, whichever way it goes."""
    make = importlib.import_module("pages.budgets").Budget
    budget = make("what", "against", lambda results: 0, **goal)
    assert budget.judge(5.0) == "met"
    assert budget.judge(missed) == "**missed by 20%**"


def test_command(root: pathlib.Path) -> None:
    """The command says what its parts are, and which it does not have."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, text=True)

    assert "record, timestamp, call" in " ".join(run("--help").stdout.split())
    refused = run("speed")
    assert refused.returncode == 2
    assert "part must be one of record, timestamp, call" in " ".join(refused.stderr.split())
