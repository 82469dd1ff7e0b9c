"""Pictures of tables, as SVG.

A picture of the same table is the same file, byte for byte, with the same version of matplotlib.
"""

import io
import pathlib
import re
from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from measure.tables import Column, Plot, Table, write_cell, write_tick

OURS, OTHERS = "#0b6e4f", "#9aa5b1"
LINES = ["#0b6e4f", "#d1495b", "#30638e", "#edae49", "#7b5ea7", "#5c6770", "#00a6a6", "#a0522d"]
MARKERS = "osD^vPX*"
OUR_ROWS = re.compile(
    r"syslogfast|twin|\bemit|^encode|^write_|^format_timestamp|^header$|^Formatter\.format"
)
WIDE, DECADE = 30, 10  # times the least: what a linear scale can show of bars, and of lines
FONT, WHERE_IT_IS_NOT = "DejaVu Sans", "Verdana, sans-serif"  # which is about as wide
STYLE = {
    "svg.fonttype": "none",  # text stays text: smaller, and found by a search
    "svg.hashsalt": "syslogfast",
    "font.family": FONT,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#5c6770",
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "grid.color": "#e4e7eb",
}


def is_ours(row: str, heading: str) -> bool:
    return bool(OUR_ROWS.search(row)) or heading.startswith("syslogfast")


def is_wide(values: Sequence[float], times: float) -> bool:
    """Return True if a linear scale would show nothing of the least of them."""
    known = [value for value in values if value > 0]
    return len(known) == len(values) and max(known) > times * min(known)


def format_axis(axes: Axes, name: str, unit: str, is_log: bool) -> None:
    axis = axes.xaxis if name == "x" else axes.yaxis
    if is_log:
        (axes.set_xscale if name == "x" else axes.set_yscale)("log")
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: write_tick(value, unit)))
    axes.grid(visible=True, axis=name)


def draw_bars(axes: Axes, table: Table, plot: Plot) -> None:
    """Draw a bar for each row, with its figure beside it."""
    index, column = find_column(table, plot.columns[0])
    rows = [row for row in table.rows if isinstance(row[index], int | float)]
    names = [str(row[0]) for row in rows]
    values = [float(row[index]) for row in rows]  # type: ignore[arg-type]
    colours = [OURS if is_ours(name, column.heading) else OTHERS for name in names]
    positions = range(len(rows))
    axes.barh(positions, values, color=colours, height=0.7)
    axes.set_yticks(positions, names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    is_log = is_wide(values, WIDE)
    format_axis(axes, "x", column.unit, is_log)
    if is_log:
        axes.set_xlim(left=min(values) / 2)
    for position, value in zip(positions, values, strict=True):
        axes.annotate(
            write_cell(value, column.unit),
            (value, position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.margins(x=0.18)
    axes.set_xlabel(column.heading)


def draw_lines(axes: Axes, table: Table, plot: Plot) -> None:
    """Draw each column over the first one."""
    x = [float(row[0]) for row in table.rows]  # type: ignore[arg-type]
    unit = ""
    for heading in plot.columns:
        index, column = find_column(table, heading)
        unit = column.unit
        draw_line(axes, x, [row[index] for row in table.rows], heading)
    format_axis(axes, "x", table.columns[0].unit, is_wide(x, DECADE))
    scale_values(axes, unit)
    axes.set_xlabel(table.columns[0].heading)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def draw_profiles(axes: Axes, table: Table, plot: Plot) -> None:
    """Draw each row over the columns."""
    found = [find_column(table, heading) for heading in plot.columns]
    for row in table.rows:
        values = [row[index] for index, _ in found]
        draw_line(axes, range(len(found)), values, str(row[0]))
    axes.set_xticks(range(len(found)), plot.columns)
    scale_values(axes, found[0][1].unit)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def scale_values(axes: Axes, unit: str) -> None:
    """Give the y axis a logarithmic scale, unless all lines are within one decade."""
    values = [float(value) for line in axes.get_lines() for value in line.get_ydata()]
    is_log = is_wide(values, DECADE)
    format_axis(axes, "y", unit, is_log)
    if not is_log:
        axes.set_ylim(bottom=0)


def draw_line(axes: Axes, x: Sequence[float], values: list, name: str) -> None:
    number = len(axes.get_lines())
    known = [
        (position, value) for position, value in zip(x, values, strict=True) if value is not None
    ]
    axes.plot(
        *zip(*known, strict=True),
        color=LINES[number % len(LINES)],
        marker=MARKERS[number % len(MARKERS)],
        markersize=4,
        label=name,
    )


def find_column(table: Table, heading: str) -> tuple[int, Column]:
    index = [column.heading for column in table.columns].index(heading)
    return index, table.columns[index]


KINDS = {"bars": draw_bars, "lines": draw_lines, "profiles": draw_profiles}


def draw(table: Table, directory: pathlib.Path) -> None:
    """Write the picture of a table that has one."""
    plot = table.plot
    assert plot is not None
    height = 1.1 + 0.32 * len(table.rows) if plot.kind == "bars" else 4
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8, height), layout="constrained")
        axes = figure.subplots()
        KINDS[plot.kind](axes, table, plot)
        axes.set_title(table.title)
        written = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Description": table.digest()}
        # Without a date, the same results are the same file.
        figure.savefig(written, format="svg", metadata=metadata)
    text = written.getvalue().replace(f"'{FONT}'", f"'{FONT}', {WHERE_IT_IS_NOT}")
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    (directory / f"{table.name}.svg").write_text(text)
