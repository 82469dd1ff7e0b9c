"""Pictures, as SVG: linear bars, dots where a scale must be logarithmic, lines over a quantity.

A picture of the same figures is the same file, byte for byte, with the same version of matplotlib.
"""

import io
import pathlib
import re

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from measure.tables import write_cell, write_tick
from pages.pictures import Drawn, Picture, digest

OURS, OTHERS, LOST = "#0b6e4f", "#9aa5b1", "#f2c9ce"
COLOURS = ["#0b6e4f", "#d1495b", "#30638e", "#edae49", "#7b5ea7", "#5c6770"]
MARKERS = "osD^vP"
OUR_ROWS = re.compile(
    r"syslogfast|twin|\bemit|^encode|^write_|^format_timestamp|^header$|^Formatter\.format|install"
)
DECADE = 10  # times the least: what a linear scale can show of lines
FONT, WHERE_IT_IS_NOT = "DejaVu Sans", "Verdana, sans-serif"  # which is about as wide
ROW, AROUND, LINES_HEIGHT = 0.34, 1.1, 4.0  # inches: of a row, of what is around, of lines
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


def format_axis(axes: Axes, name: str, unit: str, is_log: bool) -> None:
    axis = axes.xaxis if name == "x" else axes.yaxis
    if is_log:
        (axes.set_xscale if name == "x" else axes.set_yscale)("log")
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: write_tick(value, unit)))
    axes.grid(visible=True, axis=name)


def describe_axis(drawn: Drawn, is_log: bool) -> str:
    scale = ", logarithmic scale" if is_log else ""
    return f"{drawn.panel.quantity}{scale}: {drawn.panel.best} is better"


def draw_names(axes: Axes, drawn: Drawn) -> None:
    """Write the rows' names, the best at the top, ours in our colour."""
    names = [name.strip("`") for name, _ in drawn.rows]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_color(OURS if OUR_ROWS.search(name) else "black")


def write_beside(axes: Axes, text: str, value: float, position: int) -> None:
    axes.annotate(
        text, (value, position), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9
    )


def draw_bars(axes: Axes, drawn: Drawn) -> None:
    """Draw a bar for each row, with its figure beside it, and what of it was lost behind it."""
    is_ours = OUR_ROWS.search(drawn.panel.series[0].heading)
    for position, (name, (value,)) in enumerate(drawn.rows):
        assert value is not None
        colour = OURS if is_ours or OUR_ROWS.search(name) else OTHERS
        axes.barh(position, value, color=colour, height=0.7)
        end, text = value, write_cell(value, drawn.unit)
        if name in drawn.lost:
            share = drawn.lost[name] / 100
            end = value / (1 - share)  # what there would have been
            axes.barh(position, end - value, left=value, color=LOST, hatch="///", height=0.7)
            text += f", {share:.0%} lost"
        write_beside(axes, text, end, position)
    format_axis(axes, "x", drawn.unit, is_log=False)
    axes.margins(x=0.2)
    axes.set_xlabel(describe_axis(drawn, is_log=False))


def draw_dots(axes: Axes, drawn: Drawn) -> None:
    """Draw a dot for each figure of a row, on a line that leads to its name."""
    is_log, is_single = drawn.is_wide(), len(drawn.panel.series) == 1
    format_axis(axes, "x", drawn.unit, is_log)
    axes.grid(visible=True, axis="y")
    for index, series in enumerate(drawn.panel.series):
        known = [
            (figures[index], position)
            for position, (_, figures) in enumerate(drawn.rows)
            if figures[index] is not None
        ]
        axes.plot(
            *zip(*known, strict=True),
            color=COLOURS[index],
            marker=MARKERS[index],
            linestyle="none",
            markersize=6,
            label=series.name,
        )
        if is_single:
            for value, position in known:
                write_beside(axes, write_cell(value, drawn.unit), value, position)
    if not is_log:
        axes.set_xlim(left=0)
    axes.margins(x=0.1)
    axes.set_xlabel(describe_axis(drawn, is_log))
    if not is_single:
        axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=9)


def draw_lines(axes: Axes, drawn: Drawn) -> None:
    """Draw each series over the table's first column."""
    for index, (name, figures) in enumerate(drawn.rows):
        axes.plot(
            drawn.x,
            [float("nan") if figure is None else figure for figure in figures],
            color=COLOURS[index],
            marker=MARKERS[index],
            markersize=5,
            label=name,
        )
    format_axis(axes, "x", drawn.x_unit, max(drawn.x) > DECADE * min(drawn.x))
    values = [figure for _, figures in drawn.rows for figure in figures if figure is not None]
    is_log = max(values) > DECADE * min(values)
    format_axis(axes, "y", drawn.unit, is_log)
    if not is_log:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(drawn.panel.along)
    axes.set_ylabel(describe_axis(drawn, is_log).replace(": ", "\n"))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)


def draw_panel(axes: Axes, drawn: Drawn) -> None:
    if drawn.panel.along:
        draw_lines(axes, drawn)
        return
    draw_names(axes, drawn)
    if len(drawn.panel.series) > 1 or drawn.is_wide():
        draw_dots(axes, drawn)
    else:
        draw_bars(axes, drawn)


def draw(picture: Picture, panels: list[Drawn], directory: pathlib.Path) -> None:
    """Write a picture."""
    heights = [
        LINES_HEIGHT if drawn.panel.along else AROUND + ROW * len(drawn.rows) for drawn in panels
    ]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, sum(heights) + 0.4), layout="constrained")
        every = figure.subplots(len(panels), squeeze=False, height_ratios=heights)
        for axes, drawn in zip(every[:, 0], panels, strict=True):
            draw_panel(axes, drawn)
            if drawn.panel.title:
                has_legend = axes.get_legend() is not None and not drawn.panel.along
                axes.set_title(drawn.panel.title, pad=24 if has_legend else 6)
        figure.suptitle(picture.title, x=0.01, ha="left", fontsize=12)
        written = io.StringIO()
        metadata = {"Date": None, "Creator": None, "Description": digest(picture, panels)}
        # Without a date, the same figures are the same file.
        figure.savefig(written, format="svg", metadata=metadata)
    text = written.getvalue().replace(f"'{FONT}'", f"'{FONT}', {WHERE_IT_IS_NOT}")
    text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    (directory / f"{picture.name}.svg").write_text(text)
