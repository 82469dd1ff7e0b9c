"""What a release says of itself: version, changelog, the page of an index, docs/releasing.md."""

import datetime
import importlib.metadata
import pathlib
import re
import tomllib
from typing import Any

import pytest
from support.page_sections import Page, Section, Stage
from support.sources import find_in_file, list_files, list_named

import syslogfast

PAGE = Page("releasing.md")


@pytest.fixture
def project(root: pathlib.Path) -> dict[str, Any]:
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]


def test_changelog(root: pathlib.Path) -> None:
    """Its first release is this one, dated, with what programs have to change; none is twice."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall("^## (.*)$", text, re.MULTILINE)
    releases = [heading for heading in headings if heading != "Unreleased"]
    assert headings[-len(releases) :] == releases
    found = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)", each) for each in releases]
    assert all(found)
    assert len({each[1] for each in found if each}) == len(found) > 1
    dates = [datetime.date.fromisoformat(each[2]) for each in found if each]
    assert dates == sorted(dates, reverse=True)
    assert found[0] is not None
    assert found[0][1] == syslogfast.__version__
    newest = text.partition(f"## {releases[0]}\n\n")[2]
    assert newest.startswith("### Upgrading from ")


def test_metadata(root: pathlib.Path, project: dict[str, Any]) -> None:
    """An index shows README, whose links to files are their names there, and who has written it."""
    metadata = importlib.metadata.metadata("syslogfast")
    assert metadata["Version"] == syslogfast.__version__
    (author,) = project["authors"]
    assert metadata["Author"] == author["name"]
    years_and_holder = re.findall("^Copyright (.*)$", (root / "LICENSE").read_text(), re.MULTILINE)
    assert [author["name"] in each for each in years_and_holder] == [True]
    assert metadata["Description-Content-Type"] == "text/markdown"
    page = metadata.get_payload() or metadata["Description"]  # from Python 3.15 on: a field
    assert isinstance(page, str)
    shown = (root / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\[([^]]+)\]\(([^)]+)\)", shown)
    assert len(links) > 15
    for name, target in links:
        if not target.startswith("https:"):
            shown = shown.replace(f"[{name}]({target})", name)
    assert page.strip() == shown.strip()


def test_classifiers(project: dict[str, Any]) -> None:
    """The Pythons are those that `requires-python` and the wheels have."""
    prefix = "Programming Language :: Python :: 3."
    minors = [
        int(each.removeprefix(prefix)) for each in project["classifiers"] if each.startswith(prefix)
    ]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert project["requires-python"] == f">=3.{minors[0]}"
    assert len(set(project["classifiers"])) == len(project["classifiers"])


@PAGE.check("Build and check")
def check_commands(section: Section, stage: Stage) -> None:
    """Each program is run by .ci/wheel, with the same options; .ci/run does that."""
    root = pathlib.Path(__file__).parents[2]
    script = (root / ".ci" / "wheel").read_text(encoding="utf-8")
    commands = re.findall(r"build/release/bin/(.*)", section.take("sh"))
    programs = commands[0].removeprefix("pip install -q ").split()
    assert set(programs) <= set(re.findall(r"[\w-]+", script))
    for command in commands[1:]:
        name, *words = command.split()
        options = [word for word in words if not word.startswith("build/") and word != "."]
        assert re.search(rf'"\$bin/{name}" {" ".join(options)}', script), command
    ran = (root / ".ci" / "run").read_text(encoding="utf-8")
    for name in re.findall(r"`bash (\.ci/\w+) ", section.text):
        assert f'"$root/{name}"' in ran


@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    PAGE.run(heading, tmp_path)


def test_each_name_is_there(root: pathlib.Path) -> None:
    text = (root / "docs" / "releasing.md").read_text(encoding="utf-8")
    for file, name in list_named(text):
        folder = root if file == "setup.py" else root / "syslogfast"
        assert find_in_file(folder / file, name), f"{file}:{name}"
    assert {"CHANGELOG.md", "pyproject.toml"} <= set(list_files(text))
