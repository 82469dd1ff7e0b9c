"""What the jobs of this folder have in common: two lengths, findings, figures for the page.

A job is a program of its own, `tests/hardening/JOB.py [--short] [--seconds N] [--figures FILE]`.
It runs against an installed package, as the tests do: a script's own folder comes first in
`sys.path`, and the sources are not in it. Its file is not named `test_*.py`, so that pytest leaves
it to `.ci/harden`.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path


def run_job(job: Callable[[float], dict[str, object]], *, short: float, long: float) -> None:
    """Run `job(seconds)`, print and write the figures that it returns; fail where it raises.

    `short` and `long` are the seconds that the job may take where it is bounded by time; one that
    is bounded by a count derives the count from them. An AssertionError is a finding.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--short", action="store_true", help=f"take {short:g} s, not {long:g}")
    parser.add_argument("--seconds", type=float, help="take this long instead")
    parser.add_argument("--figures", type=Path, help="write what was found to this file, as JSON")
    options = parser.parse_args()
    seconds = options.seconds or (short if options.short else long)
    began = time.monotonic()
    try:
        figures = job(seconds)
    except AssertionError as finding:
        print(f"finding: {finding}", file=sys.stderr)
        raise
    figures["seconds"] = round(time.monotonic() - began)
    print(json.dumps(figures, indent=1))
    if options.figures:
        options.figures.write_text(json.dumps(figures))
