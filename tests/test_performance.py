"""The figures in the pages are those of the results: none was typed, and none is older."""

import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from types import ModuleType

import pytest


@pytest.fixture
def report(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(root / "benchmarks")
    import report

    return report


@pytest.fixture
def results(root: pathlib.Path, report: ModuleType) -> object:
    return report.load_results(root / "benchmarks/results.json")


def test_pages(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """docs/performance.md, README's table and docs/scale.md's are as the results make them."""
    for path, text in report.write_pages(results, root).items():
        assert (root / path).read_text(encoding="utf-8") == text, path
        assert report.MISSING not in text


def test_pictures(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """Each is of a table in the results and shows its figures, and none is left over."""
    tables = report.list_drawn(results)
    drawn = {path.stem: path for path in (root / "docs/performance").glob("*.svg")}
    assert len(tables) > 10
    assert sorted(drawn) == sorted(table.name for table in tables)
    page = (root / "docs/performance.md").read_text()
    assert sorted(re.findall(r"\(performance/(.*)\.svg\)", page)) == sorted(drawn)
    for table in tables:
        text = "".join(ET.parse(drawn[table.name]).getroot().itertext())
        assert table.title in text
        shown = report.list_shown(table)
        assert shown
        for label in shown:
            assert label in text, (table.name, label)


def test_questions(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """Each question has a file of its own, an answer, and a place in the page."""
    files = {path.stem.removeprefix("bench_") for path in (root / "benchmarks").glob("bench_*.py")}
    assert files == set(report.PARTS) == set(results.parts)
    page = (root / "docs/performance.md").read_text()
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert headings == ["The budget", *(results.parts[part].question for part in report.PARTS)]


def test_budget(root: pathlib.Path, report: ModuleType, results: object) -> None:
    """What is missed says why."""
    from budgets import BUDGETS

    page = (root / "docs/performance.md").read_text()
    for budget in BUDGETS:
        figure = budget.find(results)
        missed = budget.judge(figure) != "met"
        assert (f"\n- {budget.what}: " in page) == missed
        assert not missed or len(budget.why) > 20


@pytest.mark.parametrize("goal", [{"least": 5.0}, {"most": 0.2}])
def test_verdicts(report: ModuleType, goal: "dict[str, float]") -> None:
    """A goal that is missed by a fifth says so, whichever way it goes."""
    from budgets import Budget

    budget = Budget("what", "against", lambda results: 0, **goal)
    reached, missed = (5.0, 4.0) if "least" in goal else (0.2, 0.25)
    assert budget.judge(reached) == "met"
    assert budget.judge(missed) == "**missed by 25%**"


def test_command(root: pathlib.Path) -> None:
    """The command says what its parts are, and which it does not have."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, text=True)

    assert "record, timestamp, call" in " ".join(run("--help").stdout.split())
    refused = run("speed")
    assert refused.returncode == 2
    assert "part must be one of record, timestamp, call" in " ".join(refused.stderr.split())
