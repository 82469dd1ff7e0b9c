"""Which lines of the package no test runs: in C by gcov, in Python by coverage.py.

Both kinds of counters are there in every process that a test starts, and are written before a
signal ends it: see coverage/counters.py and coverage/counters.h. The lines that may stay unrun are
in coverage/unrun.toml, each with its reason; a line that is unrun and not there is a finding, and
so is one that is there and has been run. Two kinds of lines are left out by rule, and not listed:
see unrun_lines.py. The short form only looks whether the lines of the
list still exist.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import builds
from report import run_job
from source_lines import Line, list_lines
from unrun_lines import Kept, find_left_out, read_kept

DATA = Path(__file__).parent / "coverage"
PACKAGE = builds.ROOT / "syslogfast"
# Of real collectors and other interpreters, and of pages: they run no line that no other test runs.
TESTS = "not (slow and surroundings)"
# They refuse memory to whoever wants some, and so to Python's counters.
# And a thread without a frame of Python, which the counters give each one.
WITHOUT_PYTHON = ["tests/encoder/test_memory.py"]
WITHOUT_FRAMES = ["tests/logging/test_loggers.py::test_formats_beyond_what_is_fast"]
# What takes the places of threads there is Python's alone, and so no surrounding.
WITH_THREADS = ["tests/interop/test_greenlets.py"]
LEAST_BRANCHES = {"C": 94, "Python": 95}  # per cent

# A line of the C that Cython makes of an own `if`, `and`, `while` or `for`. Where it looks for an
# error itself, the condition is wrapped in `unlikely` or `likely`, or calls what looks; and it has
# conditions for arguments, for what a sequence unpacks to, and for the module itself.
BRANCH = re.compile(r"\s*(\} else )?(if|while|for|switch) \((?!.*likely\()")
OF_CYTHON = re.compile(
    r"__PYX_ERR\(|__Pyx_\w+\(|__pyx_(nargs|kwds_len|optional_args|m)\b|values\[0\]|\bsize > \d+\)"
    r"|\(index=|PyErr_Occurred\(\)|stringtab_initialized|pystate_addmodule_run|\bexc_type\b"
)
VERBATIM = re.compile(r'cdef extern from \*:\n +"""\n(.*?)"""', re.S)
MARKER = re.compile(r'\s*/\* "(.+)":(\d+)$')


class Counted(NamedTuple):
    """How often each line of a file has been run, and each branch."""

    lines: dict[int, int]
    branches: dict[tuple[int, int], int]


# C.


def find_verbatim(tree: Path, c: list[str]) -> dict[int, tuple[str, int]]:
    """Return which lines of the C that Cython has made are C of the package, taken as it is."""
    stripped = [line.strip() for line in c]
    places = {}
    for path in sorted((tree / "syslogfast").rglob("*.p[yx]*")):
        if path.suffix not in (".pyx", ".pxi", ".pxd"):
            continue
        text = path.read_text("utf-8")
        for block in VERBATIM.finditer(text):
            number = text.count("\n", 0, block.start(1)) + 1
            own: list[tuple[int, str]] = []  # lines that end with a backslash are one
            is_continued = False
            for line in block[1].splitlines():
                is_whole = not re.search(r"(?<!\\)(\\\\)*\\$", line)
                plain = line.removesuffix("" if is_whole else "\\").replace("\\\\", "\\")
                if is_continued:
                    own[-1] = (own[-1][0], own[-1][1] + plain)
                else:
                    own.append((number, plain))
                is_continued = not is_whole
                number += 1
            texts = [plain.strip() for _, plain in own]
            size = len(texts)
            for start in range(len(c) - size):
                if stripped[start] == texts[0] and stripped[start : start + size] == texts:
                    for offset, (line_number, _) in enumerate(own):
                        places[start + offset + 1] = (str(path.relative_to(tree)), line_number)
                    break
    return places


def map_lines(c: list[str], verbatim: dict[int, tuple[str, int]]) -> dict[int, tuple[str, int]]:
    """Return the lines of the package that lines of Cython's C were made of, by its comments."""
    places = dict(verbatim)
    here = None
    for number, line in enumerate(c, 1):
        marker = MARKER.match(line)
        if marker:
            is_ours = marker[1].startswith("syslogfast/")
            here = (marker[1], int(marker[2])) if is_ours else None
        elif line.strip() == "/* function exit code */" or line.startswith(
            ("/* #### Code section", "PyMODINIT_FUNC", "/* --- Runtime")
        ):
            here = None
        elif here:
            places.setdefault(number, here)
    return places


def count_c(tree: Path) -> dict[str, Counted]:
    """Return what gcov says of the files that the compiled modules are made of."""
    files: dict[str, Counted] = collections.defaultdict(lambda: Counted({}, {}))
    for notes in sorted((tree / "build").rglob("*.gcno")):  # beside them, what has been counted
        command = ["gcov", "--json-format", "--stdout", "--branch-probabilities", str(notes)]
        report = subprocess.run(command, cwd=tree, capture_output=True, check=True).stdout
        for file in json.loads(report)["files"]:
            name = os.path.normpath(file["file"])
            if not name.startswith("syslogfast/"):
                continue
            is_own = name.endswith(".h")
            c = (tree / name).read_text("utf-8").splitlines()
            verbatim = {} if is_own else find_verbatim(tree, c)
            places = {} if is_own else map_lines(c, verbatim)
            for line in file["lines"]:
                number = line["line_number"]
                place = (name, number) if is_own else places.get(number)
                if place is None:
                    continue
                counted = files[place[0]]
                counted.lines[place[1]] = max(counted.lines.get(place[1], 0), line["count"])
                text = c[number - 1].strip()
                is_made = not is_own and number not in verbatim
                if BRANCH.match(text) and not (is_made and OF_CYTHON.search(text)):
                    for index, branch in enumerate(line["branches"]):
                        key = (place[1], hash((text, index)))
                        counted.branches[key] = max(counted.branches.get(key, 0), branch["count"])
    found = set()
    for path in (tree / "syslogfast/_c").glob("*.c"):
        found |= {name for name, _ in find_verbatim(tree, path.read_text().splitlines()).values()}
    missing = [
        str(path)
        for path in (tree / "syslogfast/_c").glob("*.p*")
        if VERBATIM.search(path.read_text("utf-8")) and str(path.relative_to(tree)) not in found
    ]
    assert not missing, f"their C is not in Cython's: {missing}"
    return dict(files)


# Python.


def count_python(interpreter: Path, counted: Path, package: Path) -> dict[str, Counted]:
    """Return what coverage.py says, of all processes together."""
    command = [str(interpreter), "-Im", "coverage"]
    data = f"--data-file={counted / 'python'}"
    subprocess.run([*command, "combine", "-q", data, str(counted)], cwd=counted, check=True)
    subprocess.run(
        [*command, "json", "-q", "--fail-under=0", data, "-o", str(counted / "python.json")],
        cwd=counted,
        check=True,
    )
    files = {}
    for name, file in json.loads((counted / "python.json").read_text())["files"].items():
        path = Path(os.path.normpath(counted / name))
        lines = dict.fromkeys(file["executed_lines"], 1) | dict.fromkeys(file["missing_lines"], 0)
        taken, left = (map(tuple, file[f"{what}_branches"]) for what in ("executed", "missing"))
        branches = dict.fromkeys(taken, 1) | dict.fromkeys(left, 0)
        files["syslogfast/" + str(path.relative_to(package))] = Counted(lines, branches)
    return files


# What may stay unrun.


def list_missing(kept: Kept) -> list[str]:
    """Return the kept lines that the sources do not have, or not as often."""
    missing = []
    for line, count in kept.lines.items():
        path = builds.ROOT / line.file
        lines = list_lines(line.file) if path.exists() else []
        if line.text == "*":
            found = any(other.function == line.function for other in lines)
        else:
            found = lines.count(line) >= count
        if not found:
            missing.append(f"listed, but not in the sources: {line}")
    return missing


def compare(files: dict[str, Counted], kept: Kept) -> list[str]:
    """Return what is unrun and not kept, and what is kept and run."""
    unrun: collections.Counter[Line] = collections.Counter()
    numbers: dict[Line, list[int]] = {}
    run = set()
    findings = []
    for file, counted in sorted(files.items()):
        lines = list_lines(file)
        left_out = find_left_out(file)
        for number, count in sorted(counted.lines.items()):
            line = lines[number]
            if number in left_out:
                continue
            if line._replace(text="*") in kept.lines:
                line = line._replace(text="*")
            if not count:
                unrun[line] += 1
                numbers.setdefault(line, []).append(number)
            elif not lines[number].text.startswith(("def ", "cdef ", "@", "class ")):
                run.add(line)
    for line, count in unrun.items():
        if count > kept.lines[line] and not (line.text == "*" and line in kept.lines):
            where = ",".join(map(str, numbers[line]))
            findings.append(f"unrun: {line.file}:{where}: {line.function}: {line.text}")
    for line, count in kept.lines.items():
        is_run = line in run or line not in unrun if line.text == "*" else unrun[line] < count
        if is_run and line not in kept.sometimes:
            findings.append(f"listed, but run: {line}")
    return findings


def say_share(files: dict[str, Counted]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many lines were run, and how many there are; the same of branches.

    Those that are left out by rule are not among them.
    """
    lines, branches = [], []
    for file, counted in files.items():
        left_out = find_left_out(file)
        lines += [bool(n) for number, n in counted.lines.items() if number not in left_out]
        # Of a branch in Python both ends are known.
        branches += [bool(n) for ends, n in counted.branches.items() if not left_out & {*ends}]
    return (sum(lines), len(lines)), (sum(branches), len(branches))


def run_tests(interpreter: Path, tests: list[str], seconds: float) -> None:
    """Run the tests with all counters on, and say how they have ended: that is others' finding."""
    folder = next(interpreter.parents[1].glob("lib/python*/site-packages"))
    counted = folder / "counted"
    shutil.rmtree(counted, ignore_errors=True)
    counted.mkdir()
    for data in (interpreter.parents[2] / "tree/build").rglob("*.gcda"):
        data.unlink()
    command = ["nice", "-n", "10", str(interpreter), "-Im", "pytest", "-q", "-n", "4"]
    command += ["-p", "no:cacheprovider", "-o", "addopts=--benchmark-disable", "-rfE"]
    environ = os.environ | {"SYSLOGFAST_EXAMPLES": "300", "SYSLOGFAST_REQUIRE_C": "1"}
    ignored = [f"--ignore={test}" for test in WITHOUT_PYTHON]
    runs = [([*command, "-m", TESTS, *ignored, *tests], True)]
    if not tests:
        runs += [
            ([*command, *WITH_THREADS], True),
            ([*command, *WITHOUT_PYTHON, *WITHOUT_FRAMES], False),
        ]
    pth = folder / "syslogfast_counters.pth"
    shutil.copy(DATA / "counters.py", folder / "syslogfast_counters.py")
    for number, (run, with_python) in enumerate(runs):
        if with_python:
            pth.write_text("import syslogfast_counters\n")
        began = time.monotonic()
        with (counted / f"pytest{number}.log").open("w") as log:
            try:
                subprocess.run(
                    run,
                    cwd=builds.ROOT,
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    timeout=seconds,
                )
            finally:
                pth.unlink(missing_ok=True)
        output = Path(log.name).read_text("utf-8", "replace")
        print(*re.findall(r"^(?:FAILED|ERROR) .*", output, re.M), sep="\n")
        print(output.strip().rpartition("\n")[2], f"{time.monotonic() - began:.0f} s", flush=True)


def measure(seconds: float) -> dict[str, object]:
    kept = read_kept()
    missing = list_missing(kept)
    assert not missing, "\n".join(missing)
    if seconds < 60:
        return {"lines that may stay unrun": kept.lines.total()}
    header = DATA / "counters.h"
    flags = f"-O0 -g0 --coverage -include {header}"
    interpreter = builds.build(
        "coverage",
        environ={"CFLAGS": flags, "LDFLAGS": "--coverage"},
        packages=(".[test]", "coverage>=7.10"),
    )
    tests = os.environ.get("SYSLOGFAST_COVERAGE_TESTS", "").split()
    if tests != ["none"]:
        run_tests(interpreter, tests, seconds)
    folder = next(interpreter.parents[1].glob("lib/python*/site-packages"))
    c = count_c(interpreter.parents[2] / "tree")
    python = count_python(interpreter, folder / "counted", folder / "syslogfast")
    figures: dict[str, object] = {}
    for name, files in (("C", c), ("Python", python)):
        for what, (run, count) in zip(("lines", "branches"), say_share(files), strict=True):
            figures[f"{name} {what}"] = count
            figures[f"{name} {what}, %"] = round(100 * run / max(count, 1), 1)
    findings = compare(c | python, kept)
    for name, least in LEAST_BRANCHES.items():
        if not tests and float(str(figures[f"{name} branches, %"])) < least:
            findings.append(f"of the branches in {name} {least} % have to be taken")
    figures["lines that may stay unrun"] = kept.lines.total()
    print(json.dumps(figures, indent=1))
    print(*findings, sep="\n")
    assert not findings, f"{len(findings)} lines, see above"
    return figures


if __name__ == "__main__":
    run_job(measure, short=10, long=1500)
