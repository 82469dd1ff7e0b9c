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
    Watch,
    describe_machine,
    describe_versions,
    load_results,
)

ROOT = FOLDER.parent
RESULTS = FOLDER / "data" / "results.json"
ASIDE = ROOT / ".benchmarks"  # results and pages that are not published
LOOK = 2.0  # seconds: how long a machine is looked at before it is called quiet
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
        help=f"keep the figures in {RESULTS.relative_to(ROOT)}, and draw the project's pages; "
        "refused on a busy machine",
    )
    parser.add_argument(
        "--draw",
        action="store_true",
        help="measure nothing: draw what was measured last, with --publish the project's pages",
    )
    arguments = parser.parse_args()
    for part in arguments.part:
        if part not in PARTS:
            parser.error(f"part must be one of {', '.join(PARTS)}, got {part!r}")
    if arguments.publish and arguments.quick:
        parser.error("publish must not be given with quick, whose figures say nothing")
    if arguments.draw and (arguments.quick or arguments.part):
        parser.error("draw must be given without quick and parts: it measures nothing")
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


def look_for_others() -> float:
    """Return the share of its CPUs that others take on this machine now."""
    watch = Watch()
    time.sleep(LOOK)
    return watch.measure_share()


def list_busy(parts: list[str], results: Results) -> list[str]:
    """Return in which of the parts that were measured now the machine was busy, in words."""
    measured = [results.parts[name] for name in parts if name in results.parts]
    return [
        f"the machine was busy: others took {part.busy:.0%} of its CPUs in {part.name}"
        for part in measured
        if part.busy > BUSY
    ]


def measure_and_draw(arguments: argparse.Namespace, directory: pathlib.Path) -> int:
    """Do what was asked for; return pytest's status, or 1 if what was asked for is refused."""
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
    busy = [] if arguments.quick else list_busy(parts, results)
    if status:
        print("not all went well: nothing is drawn")
    elif arguments.quick:
        if not arguments.part:
            left_out = report.draw_copy(results, directory)
    elif not arguments.publish:
        left_out = show_aside(fresh)
    elif busy or (arguments.part and not joins):
        other = f"{RESULTS.name} is of another machine, or of other versions"
        print(f"nothing is published: {busy[0] if busy else other}")
        left_out = show_aside(fresh)
        status = 1
    else:
        left_out = publish(fresh)
    for what in busy:
        print(what)
    for what in left_out:
        print(f"left out: {what}")
    return status


def draw(for_all: bool) -> int:
    """Draw what was measured last: the project's results, or those aside."""
    from pages import report

    kept = RESULTS if for_all else ASIDE / RESULTS.name
    if not kept.exists():
        print(f"{kept} must be there, which a run without --publish writes")
        return 1
    if for_all:
        report.draw_pages(load_results(kept), ROOT)
    else:
        report.draw_copy(load_results(kept), ASIDE)
    return 0


def main() -> int:
    arguments = parse_arguments()
    if arguments.draw:
        return draw(arguments.publish)
    if arguments.publish and (share := look_for_others()) > BUSY:
        print(f"nothing is measured: others take {share:.0%} of this machine's CPUs, and a busy")
        print("machine's figures are not published")
        return 1
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        status = measure_and_draw(arguments, pathlib.Path(directory))
    print(f"{', '.join(arguments.part or PARTS)}: {time.monotonic() - start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
