"""The site's sources: each page has its place, each link and each door leads somewhere.

`.ci/site` builds it, in CI: what mkdocs warns of is an error there.
"""

import importlib
import importlib.util
import pathlib
import re
import sys
import types
from typing import Any

import pytest
import yaml
from support.page_sections import read_sections

import syslogfast

PAGES = pathlib.Path(".ci/pages")


def load(root: pathlib.Path, name: str) -> types.ModuleType:
    """Import a file of .ci/pages, whose tools are not installed here."""
    spec = importlib.util.spec_from_file_location(f"site_{name}", root / PAGES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hooks(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> "Any":
    """The hooks, with stubs for what they import of mkdocs."""
    files = types.ModuleType("mkdocs.structure.files")
    files.File = files.Files = object  # type: ignore[attr-defined]
    for name, module in (
        ("mkdocs", types.ModuleType("mkdocs")),
        ("mkdocs.structure", types.ModuleType("mkdocs.structure")),
        ("mkdocs.structure.files", files),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    return load(root, "hooks")


def list_places(nav: "Any") -> list[str]:
    """Return the pages of a navigation, in their order."""
    if isinstance(nav, str):
        return [nav]
    values = nav.values() if isinstance(nav, dict) else nav
    return [place for value in values for place in list_places(value)]


def test_each_page_has_its_place(root: pathlib.Path, hooks: "Any") -> None:
    settings = yaml.safe_load((root / PAGES / "mkdocs.yml").read_text(encoding="utf-8"))
    docs = root / "docs"
    pages = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md")}
    added = {place for place in hooks.ADDED if place.endswith(".md")}
    placed = list_places(settings["nav"])
    assert sorted(placed) == sorted(pages | added)
    assert {"changelog.md", "api/encoder.md", "api/emitter.md"} <= added
    for source in hooks.ADDED.values():
        assert (root / source).is_file(), source


def test_the_reference_has_each_public_name(root: pathlib.Path) -> None:
    """Each entry of it can be imported, and no name of the package is left out but BACKEND."""
    text = "".join(path.read_text(encoding="utf-8") for path in (root / PAGES).glob("api/*.md"))
    entries = re.findall(r"^::: ([\w.]+)$", text, re.MULTILINE)
    assert len(entries) == len(set(entries))
    for entry in entries:
        if entry != "syslogfast.services":
            path, _, name = entry.rpartition(".")
            try:
                holder = importlib.import_module(path)
            except ModuleNotFoundError:  # a class
                module, _, kind = path.rpartition(".")
                holder = getattr(importlib.import_module(module), kind)
            assert hasattr(holder, name), entry
    names = {entry.rpartition(".")[2] for entry in entries}
    assert set(syslogfast.__all__) - names == {"BACKEND"}
    page = (root / PAGES / "api/services.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"members: \[([\w, ]+)\]", page)
    services = importlib.import_module("syslogfast.services")
    public = [
        name
        for name, value in vars(services).items()
        if isinstance(value, types.FunctionType) and "https://" in (value.__doc__ or "")
    ]
    assert listed.split(", ") == public


@pytest.mark.parametrize(
    ("place", "link", "moved"),
    [
        ("logging.md", "[a](moving.md#b)", "[a](moving.md#b)"),
        (
            "logging.md",
            "[moving.md](moving.md)",
            "[Moving to `syslogfast.SysLogHandler`](moving.md)",
        ),
        ("logging/records.md", "[a](../logging.md)", "[a](../logging.md)"),
        ("scale.md", "[a](../examples/relays)", "[a](HOME/tree/main/examples/relays)"),
        ("scale.md", "[a](../setup.py#L1)", "[a](HOME/blob/main/setup.py#L1)"),
        ("performance/records.md", "![a](encode.svg)", "![a](encode.svg)"),
        ("changelog.md", "[a](docs/scale.md)", "[a](scale.md)"),
        ("changelog.md", "[a](README.md)", "[a](HOME/blob/main/README.md)"),
        ("api/encoder.md", "[a](../../../docs/emitter.md)", "[a](../emitter.md)"),
        ("scale.md", "[a](../CHANGELOG.md)", "[a](changelog.md)"),
        ("scale.md", "[a](../nothing.py)", "[a](../nothing.py)"),  # of which mkdocs warns
        ("scale.md", "[a](https://example.org/b.md)", "[a](https://example.org/b.md)"),
        ("scale.md", "```\n[a](../setup.py)\n```\n", "```\n[a](../setup.py)\n```\n"),
    ],
)
def test_links_are_moved(hooks: "Any", place: str, link: str, moved: str) -> None:
    home = "https://example.org/home"
    assert hooks.move_links(link, place, home) == moved.replace("HOME", home)
    if "HOME" in moved:  # no address is known: the text is left
        assert hooks.move_links(link, place, "") == "a"


def test_the_address_of_the_repository(hooks: "Any", tmp_path: pathlib.Path) -> None:
    project = tmp_path / "pyproject.toml"
    project.write_text("[project]\n")
    assert hooks.find_repository(tmp_path) == ""
    project.write_text('[project.urls]\nIssues = "b"\nSource = "https://example.org/a/"\n')
    assert hooks.find_repository(tmp_path) == "https://example.org/a"


def test_the_build_is_strict(root: pathlib.Path) -> None:
    """A warning is an error; mkdocs does not count those that --quiet hides."""
    script = (root / ".ci/site").read_text(encoding="utf-8")
    (build,) = re.findall(r"^mkdocs build (.*?) -f", script, re.MULTILINE)
    assert build == "--strict --clean"
    settings = yaml.safe_load((root / PAGES / "mkdocs.yml").read_text(encoding="utf-8"))
    assert set(settings["validation"].values()) == {"warn"}


DOCSTRING = """Return a thing.

first, *args: one
    and more.
second: another

TypeError: it is none. ValueError: it is large.

2bfbea1e <14>1 - web1 shop 42 - - sold out

>>> f()
1
"""
WRITTEN = """Return a thing.

- `first`, `*args`: one
    and more.
- `second`: another

TypeError: it is none. ValueError: it is large.

```text
2bfbea1e <14>1 - web1 shop 42 - - sold out
```

```pycon
>>> f()
1
```"""


def test_docstrings_become_markdown(root: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    griffe = types.ModuleType("griffe")
    griffe.Extension = griffe.Object = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "griffe", griffe)
    assert load(root, "docstrings").write_markdown(DOCSTRING) == WRITTEN


def test_versions_are_pinned(root: pathlib.Path) -> None:
    lines = (root / PAGES / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if not line.startswith("#")]
    assert [line for line in pinned if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert {"mkdocs", "mkdocs-material", "mkdocstrings-python"} <= {
        line.partition("==")[0] for line in pinned
    }


def test_the_doors(root: pathlib.Path) -> None:
    """Each import of the page for all users can be done; the others are Cython and the command."""
    rows = read_sections(root / "docs" / "README.md")[""].list_rows()
    doors = [row[1].strip("`") for row in rows]
    imports = [door for door in doors if re.match("(from|import) ", door)]
    for door in imports:
        exec(door, {})
    assert set(doors) - set(imports) == {"cimport syslogfast", "syslogfast send"}
