"""The tables of docs/embedding.md: the budget of what fits where little else does."""

from measure.results import MISSING, Results
from measure.tables import Column, Table, write_cell, write_markdown
from pages.budgets import BUDGETS, START, Budget

# The budget's lines, and where the small build's figure is; None: it has no other.
LINES = {
    f"{START}: time": ("start", "syslogfast, small build", "time"),
    f"{START}: resident memory": ("start", "syslogfast, small build", "memory"),
    f"{START}: memory that is written": ("start", "syslogfast, small build", "of it written"),
    "all compiled modules, stripped": ("small", "small", "compiled, stripped"),
    "heap allocations of `encode_into`": None,
    "a record from C, by the capsule, clock excluded": None,
}
# What the small build costs: the headings of that table, how they are called here, and their units.
COSTS = {
    "compiled, stripped": ("compiled module, stripped", "bytes"),
    "time": ("`encode`, 102 characters", "ns"),
    "instructions of encode": ("the same, instructions", "count"),
    "instructions of encode_into": ("`encode_into`, instructions", "count"),
    "instructions of emit": ("`emit`, instructions", "count"),
}


def look_up(results: Results, figure: "tuple[str, str, str] | None", unit: str) -> str:
    if figure is None:
        return ""
    try:
        return write_cell(results.find(*figure), unit)
    except KeyError:
        return MISSING


def write_budget(results: Results) -> str:
    """Return what is promised of size and start, with the small build's figures beside it."""
    lines = [line for line in BUDGETS if line.what in LINES]
    table = Table(
        "embedding",
        "",
        [Column("what"), Column("goal"), Column("usual build"), Column("small build")],
        [list_cells(line, results) for line in lines],
    )
    return f"{write_markdown(table)}\nOn {results.describe()}.\n"


def list_cells(line: Budget, results: Results) -> list[str]:
    what = f"{line.what}: more than {line.against}" if line.against else line.what
    small = look_up(results, LINES[line.what], line.unit)
    try:
        figure = line.find(results)
    except KeyError:
        return [what, line.state_goal(), MISSING, small]
    usual = f"{write_cell(figure, line.unit)} {line.judge(figure)}".rstrip()
    return [what, line.state_goal(), usual, small]


def write_small(results: Results) -> str:
    """Return what the small build saves, and what that costs."""
    builds = ("usual", "small")
    rows = [
        [what, *(look_up(results, ("small", build, heading), unit) for build in builds)]
        for heading, (what, unit) in COSTS.items()
    ]
    columns = [Column("with one compiler"), *map(Column, builds)]
    return write_markdown(Table("small", "", columns, rows))
