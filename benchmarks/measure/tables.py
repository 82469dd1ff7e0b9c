"""A table of figures: what is in its cells, and how they are written.

Figures are kept in base units, and are written in what suits their size: 1,250 ns as "1.25 us".
"""

from dataclasses import asdict, dataclass, field
from itertools import compress

# Column.unit: a text, nanoseconds, bytes, a ratio, a low and a high ratio, a count, a rate.
UNITS = ("", "ns", "bytes", "x", "range", "count", "per second")
RATIOS = ("x", "range")
STEPS = {
    "ns": [(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns")],
    "bytes": [(1e9, "GB"), (1e6, "MB"), (1e3, "KB"), (1, "B")],
    "per second": [(1e6, "M/s"), (1e3, "k/s"), (1, "/s")],
}
Cell = "str | float | list[float] | None"


@dataclass
class Column:
    heading: str
    unit: str = ""

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f"unit must be one of {UNITS}, got {self.unit!r}")


@dataclass
class Table:
    """name: for files and for those who look a figure up; the first cell names its row."""

    name: str
    title: str
    columns: list[Column]
    rows: list[list[Cell]]
    note: str = ""
    remarks: dict[str, str] = field(default_factory=dict)  # of rows, by name

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row must have {len(self.columns)} cells, got {row!r}")

    def find(self, row: str, heading: str) -> float:
        """Return a figure; KeyError: there is none."""
        headings = [column.heading for column in self.columns]
        if heading not in headings:  # such as "against loggen", where there is no loggen
            raise KeyError((self.name, row, heading))
        index = headings.index(heading)
        for cells in self.rows:
            if write_cell(cells[0], self.columns[0].unit) == row:
                figure = cells[index]
                if not isinstance(figure, int | float):
                    break
                return figure
        raise KeyError((self.name, row, heading))

    def dump(self) -> dict[str, object]:
        return asdict(self)


def load_table(data: dict) -> Table:
    columns = [Column(**column) for column in data["columns"]]
    return Table(**{**data, "columns": columns})


def write_figure(figure: float) -> str:
    """Return three digits of it, or all before the point."""
    digits = 3 - len(str(int(abs(figure))))
    if figure == 0:
        return "0"
    if abs(figure) < 1:
        return f"{figure:.2f}" if abs(figure) >= 0.1 else f"{figure:.2g}"
    return f"{figure:,.{max(digits, 0)}f}"


def scale(figure: float, unit: str) -> tuple[float, str]:
    """Return a figure in the largest of its units that is not larger than itself."""
    steps = STEPS[unit]
    size, name = next((step for step in steps if abs(figure) >= step[0]), steps[-1])
    return figure / size, name


def write_tick(figure: float, unit: str) -> str:
    """Return what stands at an axis: round figures."""
    figure, name = scale(figure, unit) if unit in STEPS else (figure, "")
    return f"{figure:,g} {name}".rstrip()


def write_cell(cell: Cell, unit: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, list):
        return "-".join(map(write_figure, cell))
    if unit == "bytes" and abs(cell) < 100_000:
        return f"{cell:,.0f} B"
    if unit in STEPS:
        figure, name = scale(cell, unit)
        return f"{write_figure(figure)} {name}"
    if unit == "x":
        return f"{write_figure(cell)} x"
    return f"{cell:,.0f}" if cell == int(cell) else write_figure(cell)


def write_cells(table: Table) -> list[list[str]]:
    units = [column.unit for column in table.columns]
    return [
        [write_cell(cell, unit) for cell, unit in zip(row, units, strict=True)]
        for row in table.rows
    ]


def write_text(table: Table, with_ratios: bool = True) -> str:
    """Return the table for a terminal; ratios of a single round would say nothing."""
    shown = [with_ratios or column.unit not in RATIOS for column in table.columns]
    lines = [
        list(compress(cells, shown))
        for cells in ([column.heading for column in table.columns], *write_cells(table))
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [table.title]
    for first, *others in lines:
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        remark = table.remarks.get(first, "")
        text.append("  ".join(["", first.ljust(widths[0]), *padded, remark]).rstrip())
    return "\n".join(text) + "\n"


def write_markdown(table: Table) -> str:
    """Return the table for a page, its remarks in a last column."""
    remarked = bool(table.remarks)
    heads = [column.heading for column in table.columns] + ["remark"] * remarked
    rules = ["---"] + ["--:" if column.unit else "---" for column in table.columns[1:]]
    rules += ["---"] * remarked
    rows = [cells + [table.remarks.get(cells[0], "")] * remarked for cells in write_cells(table)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [heads, rules, *rows])
