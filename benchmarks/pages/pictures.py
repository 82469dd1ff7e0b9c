"""Which tables are drawn, and how: at most 16 pictures, several tables in one where they compare.

A picture is shown above the first table of the page that is in it.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field

from measure.results import Results
from measure.tables import Cell, Table, write_cell

WIDE = 30  # times the least: what a linear scale can show


@dataclass
class Series:
    """One figure of each row: of that heading, in the tables that have the row.

    lost: the heading of the share in percent that did not arrive, which is drawn beside it.
    """

    heading: str
    tables: list[str]
    name: str = ""  # in the legend; the heading, unless there is a better one
    lost: str = ""

    def __post_init__(self) -> None:
        self.name = self.name or self.heading


@dataclass
class Panel:
    """One pair of axes.

    quantity: what is measured, at its axis; best: "less" or "more".
    The rows are in the order of the first series, the best at the top.
    along: the lines' x axis; without it each row has a bar, or dots where there are several series
    or where a linear scale would show nothing of the least.
    """

    quantity: str
    series: list[Series]
    title: str = ""
    best: str = "less"
    along: str = ""


@dataclass
class Picture:
    name: str
    title: str
    panels: list[Panel]

    def list_tables(self) -> list[str]:
        """Return the names of its tables, each once."""
        return list(
            dict.fromkeys(
                table for panel in self.panels for series in panel.series for table in series.tables
            )
        )


def draw_one(name: str, title: str, quantity: str, heading: str, best: str = "less") -> Picture:
    """Return the picture of a single table's single column, which has the same name."""
    return Picture(name, title, [Panel(quantity, [Series(heading, [name])], best=best)])


LINES = ["syslogfast", "Python twin", "standard library"]
PICTURES = [
    # What `logging` costs.
    Picture(
        "loggers",
        "A call of a logger, with loggers.install() and without",
        [
            Panel(
                "time of a call",
                [
                    Series(heading, ["loggers"])
                    for heading in ("after install()", "standard library")
                ],
            )
        ],
    ),
    Picture(
        "call",
        "logger.info, by handler and transport",
        [
            Panel(
                "time of a call until all is sent",
                [
                    Series("time", ["call-udp"], "over UDP"),
                    Series("time", ["call-tcp"], "over TCP"),
                    Series("time", ["call-unix"], "over a unix datagram socket"),
                    Series("time", ["call-stubbed"], "sends stubbed"),
                ],
            )
        ],
    ),
    Picture(
        "lines",
        "Lines to a file",
        [
            Panel(
                "CPU time of all threads for a line",
                [
                    Series("all threads", ["lines"], "no arguments"),
                    Series("all threads", ["lines-arguments"], "3 arguments"),
                    Series("all threads", ["lines-data"], "structured data by extra"),
                ],
            )
        ],
    ),
    # What a record costs.
    Picture(
        "encode",
        "One record of 102 bytes",
        [
            Panel("time", [Series("time", ["encode"])], "encode"),
            Panel("time", [Series("time", ["encode_into"])], "encode_into"),
        ],
    ),
    Picture(
        "arguments",
        "emit with %-arguments, into the queue",
        [
            Panel(
                "time", [Series(heading, ["arguments"]) for heading in ("emit", "Python's % alone")]
            )
        ],
    ),
    Picture(
        "sizes",
        "encode, by the size of the message",
        [
            Panel(
                "time",
                [
                    Series(heading, ["sizes"])
                    for heading in ("syslogfast encode", "floor", "syslogfast twin", "naive")
                ],
                along="message",
            )
        ],
    ),
    draw_one("forms", "encode, by content and form, 102 bytes", "time", "syslogfast encode"),
    Picture(
        "log-records",
        "A record of logging made into syslog",
        [
            Panel(
                "time",
                [
                    Series(heading, ["format", "build"])
                    for heading in ("no arguments", "structured data", "exception")
                ],
            )
        ],
    ),
    Picture(
        "timestamps",
        "A timestamp",
        [
            Panel(
                "time",
                [
                    Series("time", ["timestamp-rfc5424-utc"], "RFC 5424, UTC"),
                    Series("time", ["timestamp-rfc5424-local"], "RFC 5424, local time"),
                    Series("time", ["timestamp-rfc3164-utc"], "RFC 3164, UTC"),
                    Series("time", ["timestamp-rfc3164-local"], "RFC 3164, local time"),
                ],
            )
        ],
    ),
    # What arrives.
    Picture(
        "tcp-receiver",
        "TCP, to a receiver that only reads",
        [Panel("records a second", [Series("records", ["tcp-receiver"])], best="more")],
    ),
    Picture(
        "udp",
        "UDP, to a receive buffer that holds all",
        [
            Panel(
                "records a second",
                [
                    Series("records", ["udp-equal"], "equal sizes"),
                    Series("records", ["udp-mix"], "real mix"),
                    Series("records", ["udp-guests"], "real mix of four guests"),
                ],
                best="more",
            )
        ],
    ),
    Picture(
        "collectors",
        "What a collector stores, and what is lost on the way",
        [
            Panel(
                "records stored a second",
                [Series("stored", [f"collector-{kind}"], lost="lost, %")],
                f"to {kind}",
                "more",
            )
            for kind in ("rsyslog", "syslog-ng")
        ],
    ),
    # What many take, and what a start takes.
    Picture(
        "emitters",
        "Emitters of one process",
        [
            Panel(
                "time of a record",
                [Series(heading, ["emitters-cost"]) for heading in ("encode_into", *LINES)],
                along="emitters",
            ),
            Panel(
                "memory of an emitter",
                [Series(heading, ["emitters-memory"]) for heading in LINES],
                along="emitters",
            ),
        ],
    ),
    Picture(
        "processes",
        "Emitters as processes: proportional memory of each",
        [
            Panel(
                "memory",
                [
                    Series("proportional memory", ["processes"], "1,000 processes, UDP"),
                    Series("proportional memory", ["processes-tcp"], "100 processes, TCP"),
                ],
            )
        ],
    ),
    Picture(
        "start",
        "Import, connect by UDP, one record",
        [
            Panel(
                "time",
                [
                    Series("time", ["start"], "without site"),
                    Series("time", ["start-site"], "with site"),
                ],
            )
        ],
    ),
    Picture(
        "away",
        "Latency of a call when the collector is healthy, stopped or absent",
        [
            Panel(
                "time of a call",
                [
                    Series(heading, [f"away-{transport}"])
                    for heading in ("worst", "99.99 %", "99 %", "median")
                ],
                title,
            )
            for transport, title in (
                ("tcp", "over TCP"),
                ("udp", "over UDP"),
                ("unix", "over a unix datagram socket"),
            )
        ],
    ),
]


@dataclass
class Drawn:
    """A panel's figures.

    rows: the name of each, and its figures, one for each series or None; x: where lines have them;
    lost: percent of each row. unit: of the figures; x_unit: of the x axis.
    """

    panel: Panel
    rows: list[tuple[str, list["float | None"]]]
    unit: str
    x: list[float] = field(default_factory=list)
    x_unit: str = ""
    lost: dict[str, float] = field(default_factory=dict)

    def is_wide(self) -> bool:
        """Return True if a linear scale would show nothing of the least figure."""
        known = [figure for _, figures in self.rows for figure in figures if figure is not None]
        return min(known) > 0 and max(known) > WIDE * min(known)


def find_tables(results: Results) -> dict[str, Table]:
    return {table.name: table for part in results.parts.values() for table in part.tables}


def read_column(table: Table, heading: str) -> dict[str, "float | None"]:
    """Return a column by row; empty: the table lacks it."""
    headings = [column.heading for column in table.columns]
    if heading not in headings:
        return {}
    index, first = headings.index(heading), table.columns[0].unit
    return {write_cell(row[0], first): read_figure(row[index]) for row in table.rows}


def read_figure(cell: Cell) -> "float | None":
    return float(cell) if isinstance(cell, int | float) else None


def gather(panel: Panel, tables: dict[str, Table]) -> "Drawn | None":
    """Return the figures of a panel; None: not one of them was measured."""
    found = [table for table in list_tables(panel) if table in tables]
    rows: dict[str, list[float | None]] = {}
    lost: dict[str, float] = {}
    unit = ""
    for index, series in enumerate(panel.series):
        for table in (tables[name] for name in series.tables if name in tables):
            units = [column.unit for column in table.columns if column.heading == series.heading]
            unit = units[0] if units else unit
            for row, figure in read_column(table, series.heading).items():
                if figure is not None:
                    rows.setdefault(row, [None] * len(panel.series))[index] = figure
            shares = read_column(table, series.lost)
            lost.update({row: share for row, share in shares.items() if share})
    if not rows:
        return None
    if not panel.along:
        ordered = sorted(rows.items(), key=read_first, reverse=panel.best == "more")
        return Drawn(panel, ordered, unit, lost=lost)
    # Lines: a row of each series, over the table's first column.
    first = tables[found[0]]
    x = [float(row[0]) for row in first.rows]  # type: ignore[arg-type]
    lines = [
        (series.name, [figures[index] for figures in rows.values()])
        for index, series in enumerate(panel.series)
        if any(figures[index] is not None for figures in rows.values())
    ]
    return Drawn(panel, lines, unit, x, first.columns[0].unit)


def read_first(row: tuple[str, list["float | None"]]) -> float:
    return next(figure for figure in row[1] if figure is not None)


def list_tables(panel: Panel) -> list[str]:
    return list(dict.fromkeys(table for series in panel.series for table in series.tables))


def list_pictures(results: Results) -> list[tuple[Picture, list[Drawn]]]:
    """Return each picture of which something was measured, with its figures."""
    tables = find_tables(results)
    pictures = []
    for picture in PICTURES:
        panels = [gather(panel, tables) for panel in picture.panels]
        if any(panels):
            pictures.append((picture, [panel for panel in panels if panel]))
    return pictures


def digest(picture: Picture, panels: list[Drawn]) -> str:
    """Return what a picture of just these figures says of itself."""
    text = json.dumps([picture.title, [asdict(panel) for panel in panels]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
