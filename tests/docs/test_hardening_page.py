"""docs/hardening.md: its commands are those of the jobs, each of which has its section."""

import argparse
import importlib.machinery
import importlib.util
import itertools
import pathlib
import re
from types import ModuleType

import pytest
from support.page_sections import DOCS, Page, Section, Stage, read_sections

ROOT = pathlib.Path(__file__).parents[2]
HARDENING = Page("hardening.md")
FOLDER = ROOT / "tests" / "hardening"


def load_program(path: pathlib.Path) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("loaded_program", str(path))
    spec = importlib.util.spec_from_loader("loaded_program", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


JOBS = load_program(ROOT / ".ci" / "harden").JOBS


@HARDENING.check("")
def check_commands(section: Section, stage: Stage) -> None:
    """Each names jobs that there are; the first is that of .ci/run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("jobs", nargs="*", choices=[[], *JOBS])
    lines = [line.partition("#")[0].split() for line in section.take("sh").splitlines()]
    for program, *words in lines:
        assert program == ".ci/harden"
        parser.parse_args(words)
    assert " ".join(lines[0]) + "\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@HARDENING.check("`fuzz`: malicious input")
def check_fuzzing(section: Section, stage: Stage) -> None:
    """Each target of the table has its program and its corpus, and the commands name some."""
    targets = {row[0].strip("`") for row in section.list_rows()}
    folder = FOLDER / "fuzz"
    assert targets == {path.stem.removeprefix("target_") for path in folder.glob("target_*.py")}
    assert targets == {path.stem for path in (folder / "corpus").glob("*.txt")}
    source = (FOLDER / "fuzz.py").read_text(encoding="utf-8")
    for line in section.take("sh").splitlines():
        words = line.partition("#")[0].split()
        assert words[0] == "tests/hardening/fuzz.py"
        options = dict(itertools.pairwise(words[1:]))
        assert options.get("--target", "queue") in targets
        for option in options:
            assert not option.startswith("--") or f'"{option}"' in source + (
                FOLDER / "report.py"
            ).read_text(encoding="utf-8")


@pytest.mark.parametrize("heading", HARDENING.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    HARDENING.run(heading, tmp_path)


def test_each_job_has_its_section() -> None:
    """It is a program of that name, and bounded; the page has figures of no other."""
    sections = read_sections(DOCS / "hardening.md")
    named = [re.fullmatch("`([a-z_]+)`: .*", heading) for heading in sections]
    assert [found[1] for found in named if found] == list(JOBS)
    for name, (short, long, _) in JOBS.items():
        assert (FOLDER / f"{name}.py").is_file()
        assert 0 < short <= 900
        assert short <= long <= 2 * 3600
    rows = sections["Figures of the last run"].list_rows()
    assert {row[0].strip("`") for row in rows} <= set(JOBS)
