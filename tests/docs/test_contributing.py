"""docs/contributing.md and docs/security.md: the commands, files, names and limits are today's."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest
from support.code_blocks import list_blocks
from support.page_sections import Page, Section, Stage, read_sections
from support.sources import find_file, find_in_file, list_files, list_named, list_spans

ROOT = pathlib.Path(__file__).parents[2]
CONTRIBUTING = Page("contributing.md")
TEST_COMMAND = ".venv/bin/python -Im pytest "


def read_text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def list_markers() -> dict[str, str]:
    """Return the markers of the project, and what each says of its tests."""
    (block,) = re.findall(r"^markers = \[\n(.*?)^\]", read_text("pyproject.toml"), re.M | re.S)
    return dict(re.findall(r'"(\w+): (.*)"', block))


@CONTRIBUTING.check("Set up and rebuild")
def check_set_up(section: Section, stage: Stage) -> None:
    """It begins as the README does, but the compiled core must not be missing."""
    first, again, editable = (section.take("sh").strip() for _ in range(3))
    readme = list_blocks(ROOT / "README.md", "sh")[1].strip()
    assert first.replace("SYSLOGFAST_REQUIRE_C=1 ", "") == readme.rpartition(" && ")[0]
    assert first.endswith("SYSLOGFAST_REQUIRE_C=1 .venv/bin/pip install '.[test]'")
    assert again == "SYSLOGFAST_REQUIRE_C=1 .venv/bin/pip install --no-deps ."
    assert editable == again.replace("deps .", "deps -e .")


@CONTRIBUTING.check("Tests")
def check_tests(section: Section, stage: Stage) -> None:
    """Each selection of tests is one; the other commands are those of .ci/run and the README."""
    quick, everything, some = (section.take("sh") for _ in range(3))
    assert everything.strip() == list_blocks(ROOT / "README.md", "sh")[1].strip().split(" && ")[-1]
    assert shlex.split(quick.removeprefix(TEST_COMMAND)) == ["-m", "quick", "-n", "auto"]
    counts = []
    for line in some.splitlines():
        assert line.startswith(TEST_COMMAND)
        words = shlex.split(line.removeprefix(TEST_COMMAND))
        command = [sys.executable, "-Im", "pytest", "--collect-only", "-q", *words]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout
        counts.append(result.stdout.count("::"))
    assert counts[1] > counts[2] > 0
    for line in section.take("sh").splitlines():
        assert f"\n{line}\n" in read_text(".ci/run")
    measure = section.take("sh").strip()
    assert measure == (
        ".venv/bin/pip install '.[test,bench]' && .venv/bin/python -m benchmarks --quick"
    )


@pytest.mark.slow
@pytest.mark.parametrize("heading", CONTRIBUTING.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    CONTRIBUTING.run(heading, tmp_path)


def test_the_markers() -> None:
    rows = read_sections(ROOT / "docs" / "contributing.md")["Tests"].list_rows()
    assert [row[0].strip("`") for row in rows] == list(list_markers())


@pytest.mark.parametrize("page", ["contributing.md", "security.md"])
def test_each_file_is_there(page: str) -> None:
    text = read_text(f"docs/{page}")
    names = list_files(text)
    assert [name for name in sorted(names) if not find_file(ROOT, name).is_file()] == []
    for file, name in list_named(text):
        assert find_in_file(find_file(ROOT, file), name), f"{file}:{name}"
    links = re.findall(r"\]\(([\w./-]+)\)", text)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_each_recipe() -> None:
    """Each recipe says in which files it is followed."""
    recipes = re.split(r"^### (.*)$", read_text("docs/contributing.md"), flags=re.MULTILINE)[1:]
    named = {
        title: list_files(text) for title, text in zip(recipes[::2], recipes[1::2], strict=True)
    }
    assert {"A transport", "An option of Encoder", "A hosted service", "An error"} <= set(named)
    assert [title for title, files in named.items() if not files] == []


def test_the_limits() -> None:
    """The sizes of files and folders are those that are enforced."""
    text = read_text("docs/contributing.md")
    enforced = read_text("tests/packaging/test_imports.py")
    for name, pattern in (
        ("MAX_LINES", r"No file above (\d+)\s+lines"),
        ("MAX_FILES", r"at most (\d+) files"),
    ):
        assert re.findall(pattern, text) == re.findall(rf"^{name} = (\d+)", enforced, re.MULTILINE)


def test_the_words() -> None:
    """Each word of the list is one of the package."""
    rows = read_sections(ROOT / "docs" / "contributing.md")["Sentences"].list_rows()
    words = [word for row in rows for word in row[0].split(", ")]
    assert len(words) > 25
    package = "".join(
        path.read_text(encoding="utf-8").lower()
        for path in (ROOT / "syslogfast").rglob("*")
        if path.suffix in (".py", ".pxd", ".pxi", ".h")
    )
    missing = [word for word in words if not re.search(word.lower().replace(" ", "[ _]?"), package)]
    assert missing == []


def test_the_signals() -> None:
    """The page on security lists those that the handler is for."""
    source = read_text("syslogfast/lifecycle/fatal_signals.py")
    (listed,) = re.findall(r"^SIGNALS = \((.*)\)$", source, re.MULTILINE)
    assert set(re.findall(r"SIG\w+", read_text("docs/security.md"))) == set(
        re.findall(r"\w+", listed)
    )


@pytest.mark.parametrize("page", ["architecture.md", "contributing.md", "security.md"])
def test_no_page_sends_anybody_elsewhere(page: str) -> None:
    """No address of a person or a host is made up: whoever forks this has others."""
    text = read_text(f"docs/{page}")
    assert not re.search(r"https?://|[\w.]+@[\w-]+\.\w+", text)
    assert page == "security.md" or list_spans(text)


def test_the_readme_links_to_each() -> None:
    readme = read_text("README.md")
    for page in ("architecture", "contributing", "releasing", "security"):
        assert readme.count(f"(docs/{page}.md)") == 1
