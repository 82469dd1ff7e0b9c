"""Pages drawn from the results: docs/performance.md, those of its folder, and other pages' quotes.

A page that quotes figures has a pair of comments; what stands between them is written here.
"""

import pathlib
import re
import shutil

from measure.missing import MissingError, is_installed
from measure.results import BUSY, MISSING, PARTS, Part, Results
from measure.tables import Table, write_markdown
from pages.budgets import write_budgets
from pages.costs import write_costs
from pages.embedding import write_budget, write_small
from pages.pictures import Picture, list_pictures
from pages.scale import write_growth, write_losses, write_scale
from pages.users import write_users

ROOT = pathlib.Path(__file__).parent.parent.parent
PAGE = pathlib.Path("docs/performance.md")
FOLDER = PAGE.with_suffix("")
TOPICS = {  # pages of the folder: title and parts
    "logging": ("Performance of a log call", ("call", "integrations")),
    "records": ("Performance of a record", ("record", "fields", "timestamp")),
    "delivery": ("Performance on the way to a collector", ("throughput", "outage", "relays")),
    "emitters": ("Performance of thousands of emitters", ("emitters",)),
    "footprint": ("Start, size and memory", ("footprint",)),
}
QUOTES = {
    pathlib.Path("README.md"): {"costs": write_costs},
    pathlib.Path("docs/embedding.md"): {"small": write_small, "embedding": write_budget},
    pathlib.Path("docs/scale.md"): {
        "scale": write_scale,
        "growth": write_growth,
        "relays": write_losses,
    },
}
COMMAND = "python -m benchmarks"
INTRODUCTION = f"""\
# Performance

Each figure of these pages, and each picture, is drawn by `{COMMAND}` from the results in
[benchmarks/data/results.json](../benchmarks/data/results.json): none is typed by hand.
"""
METHOD = """\
## How it is measured

Where a table has a spread, its rows are measured in interleaved rounds (A B C, A B C, ...), on one
CPU, with garbage collection off, after a round that does not count. A time is the median of all
rounds; "against" is the ratio of two medians, and "spread" has the quartiles of that ratio, round
by round. Processes, memory, latencies and relays cannot be repeated so often: they are measured
once or a few times, as their part says. The output of each competitor is parsed before it is timed;
the table says where it breaks the RFC. Ratios hold on other machines, too, times do not. In the
pictures the rows are sorted, the best at the top, and ours are green.
"""
YOURS = f"""\
## Your figures

```sh
python3 -m venv .venv && .venv/bin/pip install '.[test,bench]' && .venv/bin/{COMMAND}
```

This takes less than a quarter of an hour. `{COMMAND} record timestamp` runs two of the parts, which
are {", ".join(PARTS[:-1])}
and {PARTS[-1]}; `--quick` only checks that all parts work. Figures and pages go to `.benchmarks/`;
with `--publish` they replace these, unless the machine was busy with something else.

Rows for programs that the machine lacks (rsyslog, syslog-ng's `loggen`, valgrind, a competitor's
package) are left out, and named at the end. On Debian 12 `.ci/install DIRECTORY` gets all programs.
The variables SYSLOGFAST_SYSLOG_NG (`DIRECTORY/syslog-ng`) and SYSLOGFAST_FAIL2BAN
(`DIRECTORY/fail2ban`, log files) have to name the folders of two of them.
"""
QUOTED = "<!-- figures: {name} -->\n\n{text}\n<!-- end -->\n"


def describe_busyness(part: Part) -> str:
    if part.busy <= BUSY:
        return ""
    return f"The machine was busy: others took {part.busy:.0%} of its CPUs meanwhile.\n\n"


def describe_left_out(part: Part) -> str:
    return f"Left out: {'; '.join(part.left_out)}.\n\n" if part.left_out else ""


def write_table(table: Table, pictures: list[Picture]) -> str:
    """Return a table below its title, and the pictures that begin with it."""
    shown = "".join(f"![{each.title}]({each.name}.svg)\n\n" for each in pictures)
    text = f"### {table.title}\n\n{shown}{write_markdown(table)}"
    return text + (f"\n{table.note}\n" if table.note else "")


def write_part(part: Part, pictures: list[Picture]) -> str:
    """Return the section of a part, with those of these pictures that have its tables."""
    left = list(pictures)
    tables = []
    for table in part.tables:
        begun = [picture for picture in left if table.name in picture.list_tables()]
        left = [picture for picture in left if picture not in begun]
        tables.append(write_table(table, begun))
    notes = describe_busyness(part) + describe_left_out(part)
    return f"## {part.question}\n\n{part.text}\n\n{notes}" + "\n".join(tables)


def make_anchor(heading: str) -> str:
    """Return how a page's heading is linked to."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def list_measured(results: Results, parts: tuple[str, ...]) -> list[Part]:
    return [results.parts[name] for name in parts if name in results.parts]


def write_topic(title: str, parts: list[Part], pictures: list[Picture]) -> str:
    links = "".join(f"- [{part.question}](#{make_anchor(part.question)})\n" for part in parts)
    above = "The machine, the method and the goals: [performance](../performance.md).\n"
    sections = [write_part(part, pictures) for part in parts]
    return "\n".join([f"# {title}\n", above, links, *sections])


def write_contents(results: Results) -> str:
    """Return links to all pages and the questions that they answer."""
    lines = [
        "- [For each user](#for-each-user)",
        "- [The budget](#the-budget): goals, those that are missed, and why",
    ]
    for name, (title, parts) in TOPICS.items():
        if measured := list_measured(results, parts):
            lines.append(f"- [{title}]({FOLDER.name}/{name}.md)")
            lines += [
                f"    - [{part.question}]({FOLDER.name}/{name}.md#{make_anchor(part.question)})"
                for part in measured
            ]
    lines += [
        "- [How it is measured](#how-it-is-measured)",
        "- [Your figures](#your-figures), and the machine of these",
    ]
    return "\n".join(lines) + "\n"


def write_index(results: Results) -> str:
    users = f"## For each user\n\n{write_users(results)}"
    budget = f"## The budget\n\n{write_budgets(results)}"
    run = f"These figures are from {results.describe()}.\n"
    return "\n".join([INTRODUCTION, write_contents(results), users, budget, METHOD, YOURS, run])


def quote_figures(page: str, name: str, text: str) -> str:
    """Return a page with the figures of that name; ValueError: it lacks the comments."""
    pattern = re.escape(QUOTED.format(name=name, text="@")).replace("@", ".*?")
    quoted = QUOTED.format(name=name, text=text)
    page, count = re.subn(pattern, lambda _: quoted, page, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"page must have one pair of comments for {name!r}, got {count}")
    return page


def write_pages(results: Results, root: pathlib.Path) -> dict[pathlib.Path, str]:
    """Return the pages of a tree as they are with these results, by their paths in it."""
    pages = {PAGE: write_index(results)}
    pictures = [picture for picture, _ in list_pictures(results)]
    for topic, (title, parts) in TOPICS.items():
        measured = list_measured(results, parts)
        pages[FOLDER / f"{topic}.md"] = write_topic(title, measured, pictures)
    for path, quotes in QUOTES.items():
        text = (root / path).read_text(encoding="utf-8")
        for name, write in quotes.items():
            text = quote_figures(text, name, write(results))
        pages[path] = text
    return pages


def draw_pages(results: Results, root: pathlib.Path) -> None:
    """Write the pages of a tree, and the pictures, of which none that is older is kept.

    MissingError: without matplotlib there are no pictures; the pages are written.
    """
    pictures = root / FOLDER
    pictures.mkdir(exist_ok=True)
    for path, text in write_pages(results, root).items():
        (root / path).write_text(text)
    if not is_installed("matplotlib"):
        raise MissingError("the pictures: matplotlib is not installed")
    from pages.plots import draw

    for older in pictures.glob("*.svg"):
        older.unlink()
    for picture, panels in list_pictures(results):
        draw(picture, panels, pictures)


def draw_copy(results: Results, directory: pathlib.Path) -> list[str]:
    """Draw all in a copy of what is drawn upon; return what was left out.

    ValueError: a figure was not measured, and nothing that this machine lacks explains that.
    """
    (directory / PAGE).parent.mkdir(parents=True, exist_ok=True)
    for path in QUOTES:
        shutil.copy(ROOT / path, directory / path)
    left_out = results.list_left_out()
    try:
        draw_pages(results, directory)
    except MissingError as error:
        left_out.append(str(error))
    is_whole = set(results.parts) == set(PARTS)
    for path in write_pages(results, directory):
        if is_whole and not left_out and MISSING in (directory / path).read_text():
            raise ValueError(f"{path} must have all its figures, got one that is {MISSING}")
    return left_out
