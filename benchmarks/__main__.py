"""The command: measures what was asked for, and draws pages that show it."""

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

from measure.results import (  # noqa: E402
    BUSY,
    PARTS,
    Results,
    describe_machine,
    describe_versions,
    load_results,
)

ROOT = FOLDER.parent
RESULTS = FOLDER / "data" / "results.json"
ASIDE = ROOT / ".benchmarks"  # results and pages that are not published
NEEDED = ("syslogfast", "pytest_benchmark", "Cython")  # else nothing is measured


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; without any, all")
    parser.add_argument(
        "--quick", action="store_true", help="see only whether all of it works; keep nothing"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help=f"keep the figures in {RESULTS.relative_to(ROOT)}, and draw the project's pages",
    )
    parser.add_argument(
        "--draw", action="store_true", help="measure nothing; draw the project's pages anew"
    )
    arguments = parser.parse_args()
    for part in arguments.part:
        if part not in PARTS:
            parser.error(f"part must be one of {', '.join(PARTS)}, got {part!r}")
    if arguments.publish and arguments.quick:
        parser.error("publish must not be given with quick, whose figures say nothing")
    needed = [*NEEDED, "matplotlib"] if arguments.publish or arguments.draw else NEEDED
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(f"{', '.join(missing)} must be installed: pip install '.[test,bench]'")
    return arguments


def measure(parts: list[str], results: pathlib.Path, quick: bool) -> int:
    """Run these parts; their tables get into the file of results. Return pytest's status."""
    files = [str(FOLDER / "questions" / f"bench_{part}.py") for part in parts]
    mode = "--benchmark-disable" if quick else "--benchmark-enable"
    # -rfE: what is left out is said once, at the end.
    options = ["-q", "-rfE", "--no-header", "--benchmark-quiet", mode, "--results", str(results)]
    # -I: the installed package is measured, not this folder's.
    command = [sys.executable, "-Im", "pytest", *options, *files]
    with subprocess.Popen(command, cwd=ROOT) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:  # it has got the same, and writes what it has
                continue


def is_of_this_machine(path: pathlib.Path) -> bool:
    old = load_results(path)
    return (old.machine, old.versions) == (describe_machine(), describe_versions())


def show_aside(fresh: pathlib.Path) -> list[str]:
    """Keep results and pages that are not the project's; return what was left out."""
    from pages import report

    ASIDE.mkdir(exist_ok=True)
    shutil.copy(fresh, ASIDE / RESULTS.name)
    left_out = report.draw_copy(load_results(fresh), ASIDE)
    print(f"the figures are in {ASIDE / RESULTS.name}, drawn in {ASIDE / report.PAGE};")
    print("the project's own pages are as they were, which --publish would change")
    return left_out


def publish(fresh: pathlib.Path) -> list[str]:
    """Keep results for all, and draw the project's pages; return what was left out."""
    from pages import report

    shutil.copy(fresh, RESULTS)
    results = load_results(RESULTS)
    report.draw_pages(results, ROOT)
    print(f"drawn: {', '.join(map(str, [report.PAGE, *report.QUOTES]))}")
    return results.list_left_out()


def say_what_was_busy(parts: list[str], results: Results) -> None:
    for part in (results.parts[name] for name in parts if name in results.parts):
        if part.busy > BUSY:
            print(f"the machine was busy: others took {part.busy:.0%} of its CPUs in {part.name}")


def measure_and_draw(arguments: argparse.Namespace, directory: pathlib.Path) -> int:
    """Do what was asked for; return pytest's status."""
    from pages import report

    parts = [part for part in PARTS if part in arguments.part or not arguments.part]
    fresh, kept = directory / RESULTS.name, RESULTS if arguments.publish else ASIDE / RESULTS.name
    # Parts that are not measured now stay as they are, where they are of this very machine.
    joins = bool(arguments.part) and kept.exists() and is_of_this_machine(kept)
    if joins and not arguments.quick:
        shutil.copy(kept, fresh)
    status = measure(parts, fresh, arguments.quick)
    if not fresh.exists():
        return status
    results = load_results(fresh)
    left_out = results.list_left_out()
    if status:
        print("not all went well: nothing is drawn")
    elif arguments.quick:
        if not arguments.part:
            left_out = report.draw_copy(results, directory)
    elif not arguments.publish:
        left_out = show_aside(fresh)
    elif arguments.part and not joins:
        print(f"{RESULTS.name} is of another machine, or of other versions: nothing is published")
        left_out = show_aside(fresh)
    else:
        left_out = publish(fresh)
    if not arguments.quick:
        say_what_was_busy(parts, results)
    for what in left_out:
        print(f"left out: {what}")
    return status


def main() -> int:
    arguments = parse_arguments()
    if arguments.draw:
        from pages import report

        report.draw_pages(load_results(RESULTS), ROOT)
        return 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        status = measure_and_draw(arguments, pathlib.Path(directory))
    print(f"{', '.join(arguments.part or PARTS)}: {time.monotonic() - start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
