"""The command: measures what was asked for, and draws the pages that show it."""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

# For modules beside this one, and not for the package beside it, whose core is not built there.
FOLDER = pathlib.Path(__file__).parent
sys.path[0] = str(FOLDER)

import report  # noqa: E402
from results import PARTS, describe_machine, describe_versions, load_results  # noqa: E402

RESULTS = FOLDER / "results.json"


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
    return arguments


def measure(parts: list[str], results: pathlib.Path, quick: bool) -> int:
    """Run these parts; their tables get into the file of results. Return pytest's status."""
    files = [str(FOLDER / f"bench_{part}.py") for part in parts]
    mode = "--benchmark-disable" if quick else "--benchmark-enable"
    options = ["-q", "--no-header", "--benchmark-quiet", mode, "--results", str(results)]
    # -I: the installed package is measured, not this folder's.
    command = [sys.executable, "-Im", "pytest", *options, *files]
    return subprocess.run(command, cwd=FOLDER.parent).returncode


def is_of_this_machine(path: pathlib.Path) -> bool:
    old = load_results(path)
    return (old.machine, old.versions) == (describe_machine(), describe_versions())


def main() -> int:
    arguments = parse_arguments()
    if arguments.draw:
        report.draw_pages(load_results(RESULTS), report.ROOT)
        return 0
    parts = [part for part in PARTS if part in arguments.part or not arguments.part]
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        fresh = pathlib.Path(directory) / "results.json"
        if arguments.part and not arguments.quick and RESULTS.exists():
            if not is_of_this_machine(RESULTS):
                print(f"{RESULTS} is of another machine or of other versions: measure all parts")
                return 2
            shutil.copy(RESULTS, fresh)
        status = measure(parts, fresh, arguments.quick)
        if arguments.quick:
            if status == 0 and not arguments.part:
                report.check_pages(load_results(fresh), pathlib.Path(directory))
        elif fresh.exists():
            shutil.copy(fresh, RESULTS)
            report.draw_pages(load_results(RESULTS), report.ROOT)
            print(f"drawn: {report.PAGE}, {report.ROOT / 'README.md'}")
    print(f"{', '.join(parts)}: {time.monotonic() - start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
