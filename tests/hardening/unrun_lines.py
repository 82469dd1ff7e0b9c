"""The lines that no test needs to run: those of coverage/unrun.toml, and those left out by rule."""

import collections
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from failed_allocations import find_failed_allocations
from other_systems import find_out_of_reach
from source_lines import Line

LIST = Path(__file__).parent / "coverage/unrun.toml"
ENTRY = re.compile(r"(\S+?)(?: (\S+))?: (.+)", re.S)


class Kept(NamedTuple):
    """The lines that may stay unrun, and those of them that time and load have run now and then."""

    lines: "collections.Counter[Line]"
    sometimes: set[Line]


def read_kept() -> Kept:
    """Return what the list has. The text "*" stands for all of a function."""
    kept = Kept(collections.Counter(), set())
    for group in tomllib.loads(LIST.read_text("utf-8"))["unrun"]:
        assert group["reason"], group
        for entry in group["lines"]:
            found = ENTRY.fullmatch(entry)
            assert found, f"not 'FILE FUNCTION: TEXT' or 'FILE: TEXT': {entry!r}"
            line = Line("syslogfast/" + found[1], found[2] or "", found[3])
            kept.lines[line] += 1
            if group.get("sometimes"):
                kept.sometimes.add(line)
    return kept


def find_left_out(file: str) -> set[int]:
    """Return the numbers of the lines of a file that are left out by rule."""
    return find_out_of_reach(file) | find_failed_allocations(file)
