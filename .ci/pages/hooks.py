"""What mkdocs does not do by itself: pages from outside docs/, and links that lead there.

In the repository a link is a path, and often shows it; in the site it shows the other page's title.
The changelog and the reference of the API are pages of the site, too. A link to any other file
becomes one to the repository, whose address pyproject.toml has; without one, its text is left.
"""

import pathlib
import posixpath
import re
import tomllib
from typing import Any

from mkdocs.structure.files import File, Files

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]
DOCS = "docs"
# By their place in the site: where the text stands in the repository.
ADDED = {
    "changelog.md": "CHANGELOG.md",
    "stylesheets/site.css": ".ci/pages/site.css",
    **{f"api/{path.name}": f".ci/pages/api/{path.name}" for path in HERE.glob("api/*.md")},
}
URLS = ("source", "repository", "source code", "homepage")  # of [project.urls], in any case
LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<path>[^()\s#:]+)(?P<anchor>#[^()\s]*)?\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def find_repository(root: pathlib.Path = ROOT) -> str:
    """Return the address of the repository, or nothing."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls = {name.lower(): url for name, url in project.get("urls", {}).items()}
    return next((urls[name].rstrip("/") for name in URLS if name in urls), "")


def find_title(source: str) -> str:
    """Return the first words of a page's title."""
    title = (ROOT / source).read_text(encoding="utf-8").partition("\n")[0]
    return title.removeprefix("# ").partition(":")[0]


def move_link(link: "re.Match[str]", place: str, repository: str) -> str:
    """Return a link of the page of that place in the site as the site must have it."""
    source = ADDED.get(place, f"{DOCS}/{place}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
    anchor = link["anchor"] or ""
    places = {path: added for added, path in ADDED.items()}
    if target in places or target.startswith(f"{DOCS}/"):
        inside = places.get(target, target.removeprefix(f"{DOCS}/"))
        start, text = posixpath.dirname(place) or ".", link["text"]
        if text == f"[{posixpath.basename(target)}]" and (ROOT / target).is_file():
            text = f"[{find_title(target)}]"
        return f"{text}({posixpath.relpath(inside, start)}{anchor})"
    if not (ROOT / target).exists():
        return link[0]  # mkdocs says so
    if repository:
        kind = "tree" if (ROOT / target).is_dir() else "blob"
        return f"{link['text']}({repository}/{kind}/main/{target}{anchor})"
    return link["text"][1:-1]


def move_links(markdown: str, place: str, repository: str) -> str:
    """Return a page with its links moved; code stays as it is."""
    pieces = FENCE.split(markdown)
    pieces[::2] = [
        LINK.sub(lambda link: move_link(link, place, repository), text) for text in pieces[::2]
    ]
    return "".join(pieces)


def on_config(config: Any) -> Any:
    config.repo_url = find_repository() or None
    return config


def on_files(files: Files, config: Any) -> Files:
    for place, source in ADDED.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    return move_links(markdown, page.file.src_uri, find_repository())
