"""Pages drawn from the results: docs/performance.md, and what other pages quote of it.

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
from pages.scale import write_losses, write_scale

ROOT = pathlib.Path(__file__).parent.parent.parent
PAGE = pathlib.Path("docs/performance.md")
QUOTES = {
    pathlib.Path("README.md"): {"costs": write_costs},
    pathlib.Path("docs/embedding.md"): {"small": write_small, "embedding": write_budget},
    pathlib.Path("docs/scale.md"): {"scale": write_scale, "relays": write_losses},
}
COMMAND = "python -m benchmarks"
INTRODUCTION = f"""\
# Performance

This page is drawn by `{COMMAND}`, pictures included, from the results in
[benchmarks/data/results.json](../benchmarks/data/results.json): no figure is typed by hand. To see
yours:

```sh
python3 -m venv .venv && .venv/bin/pip install '.[test,bench]' && .venv/bin/{COMMAND}
```

It takes less than a quarter of an hour; `{COMMAND} record timestamp` runs two of its parts, which
are {", ".join(PARTS[:-1])}
and {PARTS[-1]}; `--quick` checks only that all of it works. Figures and pages go to `.benchmarks/`;
with `--publish` they replace these. What a machine lacks (rsyslog, syslog-ng's `loggen`, valgrind,
a competitor's package) is left out, and named at the end; on Debian 12 `.ci/install DIRECTORY` gets
all of it, some into folders that the variables SYSLOGFAST_SYSLOG_NG (`DIRECTORY/syslog-ng`) and
SYSLOGFAST_FAIL2BAN (`DIRECTORY/fail2ban`, log files) have to name.

How it is measured: where a table has a spread, its rows are measured in interleaved rounds (A B C,
A B C, ...), on one CPU, with garbage collection off, after a round that does not count. A time is
the median of all rounds; "against" is the ratio of two medians, and "spread" are the quartiles of
that ratio, round by round. What cannot be repeated so often (processes, memory, latencies, relays)
is measured once or a few times, as its part says. What each competitor writes is parsed before it
is timed; where that is not what the RFC wants, the table says so. Ratios travel from one machine to
another, times do not.
"""
QUOTED = "<!-- figures: {name} -->\n\n{text}\n<!-- end -->\n"


def describe_busyness(part: Part) -> str:
    if part.busy <= BUSY:
        return ""
    return f"The machine was busy: others took {part.busy:.0%} of its CPUs meanwhile.\n\n"


def describe_left_out(part: Part) -> str:
    return f"Left out: {'; '.join(part.left_out)}.\n\n" if part.left_out else ""


def write_table(table: Table) -> str:
    text = f"### {table.title}\n\n"
    if table.plot:
        text += f"![{table.title}](performance/{table.name}.svg)\n\n"
    text += write_markdown(table)
    return text + (f"\n{table.note}\n" if table.note else "")


def write_part(part: Part) -> str:
    tables = "\n".join(map(write_table, part.tables))
    notes = describe_busyness(part) + describe_left_out(part)
    return f"## {part.question}\n\n{part.text}\n\n{notes}{tables}"


def write_page(results: Results) -> str:
    parts = [results.parts[name] for name in PARTS if name in results.parts]
    budget = f"## The budget\n\n{write_budgets(results)}"
    run = f"This run: {results.describe()}.\n"
    return "\n".join([INTRODUCTION, run, budget, *map(write_part, parts)])


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
    pages = {PAGE: write_page(results)}
    for path, quotes in QUOTES.items():
        text = (root / path).read_text(encoding="utf-8")
        for name, write in quotes.items():
            text = quote_figures(text, name, write(results))
        pages[path] = text
    return pages


def list_drawn(results: Results) -> list[Table]:
    return [table for part in results.parts.values() for table in part.tables if table.plot]


def draw_pages(results: Results, root: pathlib.Path) -> None:
    """Write the pages of a tree, and the pictures, of which none that is older is kept.

    MissingError: without matplotlib there are no pictures; the pages are written.
    """
    for path, text in write_pages(results, root).items():
        (root / path).write_text(text)
    if not is_installed("matplotlib"):
        raise MissingError("the pictures: matplotlib is not installed")
    from pages.plots import draw

    pictures = root / PAGE.with_suffix("")
    pictures.mkdir(exist_ok=True)
    for picture in pictures.glob("*.svg"):
        picture.unlink()
    for table in list_drawn(results):
        draw(table, pictures)


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
