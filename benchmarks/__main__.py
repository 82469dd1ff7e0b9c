"""The command: measures what was asked for, and draws the pages that show it."""

import argparse
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

# For the folders beside this file; the package beside this folder has no compiled core there.
FOLDER = pathlib.Path(__file__).parent
sys.path[0] = str(FOLDER)

from measure.results import PARTS, describe_machine, describe_versions, load_results  # noqa: E402

RESULTS = FOLDER / "data" / "results.json"
ASIDE = FOLDER.parent / ".benchmarks" / "results.json"  # what is not for the pages
NEEDED = ("syslogfast", "pytest_benchmark", "Cython", "matplotlib")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; without any, all")
    parser.add_argument(
        "--quick", action="store_true", help="see only whether all of it works; keep nothing"
    )
    parser.add_argument(
        "--draw", action="store_true", help="measure nothing; draw the pages from the results"
    )
    arguments = parser.parse_args()
    for part in arguments.part:
        if part not in PARTS:
            parser.error(f"part must be one of {', '.join(PARTS)}, got {part!r}")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"{', '.join(missing)} must be installed: pip install '.[test,bench]'")
    return arguments


def measure(parts: list[str], results: pathlib.Path, quick: bool) -> int:
    """Run these parts; their tables get into the file of results. Return pytest's status."""
    files = [str(FOLDER / "questions" / f"bench_{part}.py") for part in parts]
    mode = "--benchmark-disable" if quick else "--benchmark-enable"
    options = ["-q", "--no-header", "--benchmark-quiet", mode, "--results", str(results)]
    # -I: the installed package is measured, not this folder's.
    command = [sys.executable, "-Im", "pytest", *options, *files]
    with subprocess.Popen(command, cwd=FOLDER.parent) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # it has got the same, and writes what it has
                continue


def is_of_this_machine(path: pathlib.Path) -> bool:
    old = load_results(path)
    return (old.machine, old.versions) == (describe_machine(), describe_versions())


def keep(fresh: pathlib.Path, problem: str) -> None:
    """Put results aside that are not for the pages."""
    print(f"{problem}: the pages stay as they are")
    if fresh.exists():
        ASIDE.parent.mkdir(exist_ok=True)
        shutil.copy(fresh, ASIDE)
        print(f"what was measured is in {ASIDE}")


def main() -> int:
    arguments = parse_arguments()
    from pages import report  # which needs what was looked for above

    if arguments.draw:
        report.draw_pages(load_results(RESULTS), report.ROOT)
        return 0
    parts = [part for part in PARTS if part in arguments.part or not arguments.part]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        fresh = pathlib.Path(directory) / "results.json"
        joins = bool(arguments.part) and RESULTS.exists() and is_of_this_machine(RESULTS)
        if joins and not arguments.quick:
            shutil.copy(RESULTS, fresh)
        status = measure(parts, fresh, arguments.quick)
        if arguments.quick:
            if status == 0 and not arguments.part:
                report.check_pages(load_results(fresh), pathlib.Path(directory))
        elif status:
            keep(fresh, "not all went well")
        elif arguments.part and not joins:
            keep(fresh, f"{RESULTS.name} is of another machine, or of other versions")
        else:
            shutil.copy(fresh, RESULTS)
            report.draw_pages(load_results(RESULTS), report.ROOT)
            print(f"drawn: {', '.join(map(str, [report.PAGE, *report.QUOTES]))}")
    print(f"{', '.join(parts)}: {time.monotonic() - start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
