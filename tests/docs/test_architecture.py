"""docs/architecture.md names what is there: files, functions, storeys, modules, states."""

import pathlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from support.page_sections import read_sections
from support.sources import NAMED, find_file, find_in_file, list_files, list_named, list_spans
from support.storeys import STOREYS

import syslogfast

SVG = "{http://www.w3.org/2000/svg}"
MAX_LINES = 160  # two screens


@pytest.fixture(scope="module")
def page(root: pathlib.Path) -> pathlib.Path:
    return root / "docs" / "architecture.md"


@pytest.fixture(scope="module")
def text(page: pathlib.Path) -> str:
    return page.read_text(encoding="utf-8")


def test_two_screens(text: str) -> None:
    assert len(text.splitlines()) <= MAX_LINES


def test_each_file_is_there(root: pathlib.Path, text: str) -> None:
    names = list_files(text)
    assert len(names) > 20
    assert [name for name in sorted(names) if not find_file(root, name).is_file()] == []


def test_each_name_is_defined(root: pathlib.Path, text: str) -> None:
    named = list_named(text)
    assert len(named) > 40
    for file, name in sorted(named):
        assert find_in_file(find_file(root, file), name), f"{file}:{name}"


def test_names_without_a_file(root: pathlib.Path, text: str) -> None:
    """A member that the prose names is one of a class of the package."""
    sources = "".join(
        path.read_text(encoding="utf-8")
        for path in (root / "syslogfast").rglob("*")
        if path.suffix in (".py", ".pxd", ".pxi")
    )
    members = {span for span in list_spans(text) if re.fullmatch(r"[A-Z]\w+\.\w+", span)}
    assert {"Record.is_truncated", "Encoder._encode", "Queue.pinned"} <= members
    for member in members:
        owner, name = member.split(".")
        assert re.search(rf"\b(?:class|struct) {owner}\b", sources), member
        assert re.search(rf"(?:\.|\b){name}\b", sources), member


def test_the_storeys(page: pathlib.Path) -> None:
    """The table has those that the imports are held to."""
    rows = read_sections(page)["Storeys"].list_rows()
    assert [row[0] for row in rows] == [str(number + 1) for number in range(len(STOREYS))]
    assert [set(list_spans(row[1])) for row in rows] == [set(names) for names in STOREYS]


def test_the_storeys_of_the_picture(root: pathlib.Path) -> None:
    picture = ElementTree.parse(root / "docs" / "architecture.svg")
    shown = [
        {
            name.strip("/").replace("__init__", "syslogfast")
            for name in "".join(e.itertext()).split()
        }
        for e in picture.iter(f"{SVG}text")
        if e.get("class") == "modules"
    ]
    assert shown == [set(names) for names in STOREYS]


def test_the_functions_of_the_picture(root: pathlib.Path, text: str) -> None:
    """Each stands on the page, too, where its file is named."""
    picture = ElementTree.parse(root / "docs" / "architecture.svg")
    names = {
        name
        for e in picture.iter(f"{SVG}text")
        if e.get("class") == "code"
        for name in (e.text or "").split(", ")
    }
    assert len(names) > 5
    assert names <= {name for _, name in NAMED.findall(text)}


@pytest.mark.parametrize("name", ["architecture.svg", "sender.svg"])
def test_a_picture_has_two_sets_of_colours(root: pathlib.Path, name: str) -> None:
    """Each class that has a colour has another one in dark mode, the background included."""
    source = (root / "docs" / name).read_text(encoding="utf-8")
    light, _, dark = source.partition("@media (prefers-color-scheme: dark)")
    rule = r"^ *([.\w]+(?:, [.\w]+)*) \{[^}]*(?:fill|stroke): #"
    coloured = re.findall(rule, light, re.MULTILINE)
    assert ".page" in coloured
    assert coloured == re.findall(rule, dark, re.MULTILINE)


def read_transitions(source: str) -> set[tuple[str, str]]:
    """Return what the table at the head of sender.py says: from which state to which."""
    states = {"idle", "connecting", "open", "backlog", "closed"}
    table = source.partition("next state\n")[2].partition("\n\n")[0]
    edges = set()
    before: list[str] = []
    for line in table.splitlines():
        columns = re.split(r"  +", line.strip("# "))
        if columns[0] == "all but closed":
            before = ["all"]
        elif set(columns[0].split(", ")) <= states and len(columns) > 1:
            before = columns[0].split(", ")
        after = [state for state in re.findall(r"\w+", columns[-1]) if state in states]
        edges |= {(state, other) for state in before for other in after}
    return edges


def test_the_states(root: pathlib.Path) -> None:
    """The picture has the transitions that the source has in words."""
    source = (root / "syslogfast" / "transports" / "sender.py").read_text(encoding="utf-8")
    picture = ElementTree.parse(root / "docs" / "sender.svg")
    drawn = {
        tuple(e.get("id", "").split("-"))
        for e in picture.iter(f"{SVG}path")
        if "-" in e.get("id", "")
    }
    assert read_transitions(source) == drawn
    states = {e.text for e in picture.iter(f"{SVG}text") if e.get("class") == "state"}
    (listed,) = re.findall(r"State: TypeAlias = Literal\[(.*)\]", source)
    assert states == set(re.findall(r'"(\w+)"', listed))
    assert {state for edge in drawn for state in edge} == states | {"all"}


def test_each_section_is_cited(root: pathlib.Path, page: pathlib.Path) -> None:
    """What a row names says itself which section it implements, so that a search finds it."""
    rows = read_sections(page)["The RFCs"].list_rows()
    assert len(rows) > 12
    for row in rows:
        (number, section), *_ = re.findall(r"^RFC (\d+) ([\d.]+)", row[0])
        named = NAMED.findall(" ".join(row[1:]))
        assert named, row
        for file, name in named:
            source = find_in_file(find_file(root, file), name)
            cited = rf"RFC {number}(?s:.*?)(?<![\d.]){re.escape(section)}(?![\d]|\.\d)"
            assert re.search(cited, source), f"{file}:{name} does not cite RFC {number} {section}"


SHOW_LOADED = """
import _socket, sys
collector = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
collector.bind(("127.0.0.1", 0))
import syslogfast
url = "udp://127.0.0.1:%d" % collector.getsockname()[1]
log = syslogfast.connect(url, hostname="web1", app_name="shop")
print(*[name for name in sys.modules if name.partition(".")[0] == "syslogfast"])
loaded = set(sys.modules)
log.info("first")
print(*set(sys.modules) - loaded)
"""


def test_the_start_path(page: pathlib.Path, run_python: Callable) -> None:
    """These modules are loaded, in this order, and no other by the first record."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    section = read_sections(page)["The start path"].text
    shown = list_spans(" ".join(re.findall("^> (.*)$", section, re.MULTILINE)))
    result = run_python(SHOW_LOADED, backend="c")
    assert result.stderr == ""
    loaded, late = result.stdout.splitlines()
    assert [name.removeprefix("syslogfast.") for name in loaded.split()] == shown
    assert late == ""
