"""Stresses what threads may share, without the GIL and under ThreadSanitizer.

That Python is built from Debian's source, once for each machine, which takes four minutes.
"""

import functools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from installed import run_in_build
from report import run_job

if __name__ == "__main__":
    run_in_build()

from compiled import compile_package
from threads.free_threaded import UnavailableError, build_python

FOLDER = Path(__file__).with_name("threads")
REPORT = "WARNING: ThreadSanitizer"
OURS = ("_encoder_c", "_lifecycle_c", "_logger_c")
FOUND = 66  # the exit status with which ThreadSanitizer ends a process that it found something in
ROUND = 20.0
SANITIZE = ("-O1", "-g", "-fsanitize=thread")


# What is read without a lock, on purpose: who puts a record looks whether it is for him to send.
# If it is out of date, he calls the sender once too often; or another thread does, which has
# changed it, and looks at the queue after that.
LOOKS = {"if queue.size >= queue.threshold or severity <= URGENT:"}
ACCESS = re.compile(
    r"^  (?:previous )?(read|write) of size \d+ .*\n    #0 \S+ (\S+?):(\d+)",
    re.IGNORECASE | re.MULTILINE,
)


@functools.cache
def read_lines(path: str) -> list[str]:
    source = Path(path)
    return source.read_text().splitlines() if source.suffix == ".c" and source.exists() else []


def find_source(path: str, line: int) -> str:
    """Return the line of Cython that a line of its C was made from."""
    for text in reversed(read_lines(path)[:line]):
        if "# <<<<<<<" in text:
            return text.split("# <<<<<<<")[0].strip(" *")
    return ""


def is_look(report: str) -> bool:
    """Return True if one of both accesses is one of LOOKS."""
    return any(
        kind.lower() == "read" and find_source(path, int(line)) in LOOKS
        for kind, path, line in ACCESS.findall(report)
    )


def split_reports(text: str) -> list[str]:
    """Return the reports that have a frame of the package's, and are not of LOOKS."""
    return [
        report
        for report in text.split("==================\n")
        if REPORT in report and any(name in report for name in OURS) and not is_look(report)
    ]


def stress(command: list[str], environ: dict[str, str], seconds: float, seed: int) -> dict:
    done = subprocess.run(
        [*command, str(FOLDER / "stress.py"), str(seconds), str(seed)],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=seconds + 300,
    )
    reports = split_reports(done.stderr)
    assert not reports, f"seed {seed}: {len(reports)} reports\n{reports[0]}"
    assert done.returncode in (0, FOUND), f"seed {seed}: {done.returncode}\n{done.stderr[-3000:]}"
    found: dict = json.loads(done.stdout)
    found["reports of looks, and of CPython alone"] = done.stderr.count(REPORT)
    return found


def print_costs(command: list[str], environ: dict[str, str], share: float, name: str) -> None:
    done = subprocess.run(
        [*command, str(FOLDER / "cost.py"), str(share)],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    print(f"CPU time of a record in us, by threads, {name}: {done.stdout.strip()}", flush=True)


def job(seconds: float) -> dict[str, object]:
    is_long = seconds > 120
    plain = [sys.executable]
    print_costs(plain, {}, 1.0, "as installed")
    try:
        interpreter = build_python(sanitizes=True, may_build=is_long)
        folder = interpreter.parents[1]
        package = compile_package(interpreter, folder / "package", SANITIZE, SANITIZE[-1:])
        both = folder / "both.txt"
        both.write_text(
            (folder / "suppressions.txt").read_text()
            + (folder / "suppressions_free_threading.txt").read_text()
        )
        command = [str(interpreter)]
        options = f"suppressions={both} history_size=4 exitcode={FOUND} halt_on_error=0"
        environ = {"TSAN_OPTIONS": options, "PYTHONPATH": str(package), "PYTHON_GIL": "0"}
        name = f"{interpreter.name} under ThreadSanitizer"
        if is_long:
            other = build_python(sanitizes=False, may_build=is_long)
            compiled = {"PYTHONPATH": str(compile_package(other, other.parents[1] / "package"))}
            print_costs([str(other)], compiled, 1.0, f"{other.name} without the GIL")
    except UnavailableError as reason:
        print(f"no ThreadSanitizer, and threads take turns: {reason}", flush=True)
        command, environ, name = plain, {}, f"{sys.version.split()[0]} with the GIL"
    figures: dict[str, object] = {"interpreter": name, "rounds": 0}
    end = time.monotonic() + seconds
    seed = 0
    while not seed or time.monotonic() < end:
        found = stress(command, environ, min(ROUND, seconds), seed)
        print(f"seed {seed}: {found}", flush=True)
        for key in ("emitted", "came", "reports of looks, and of CPython alone"):
            figures[key] = int(str(figures.get(key, 0))) + found[key]
        seed += 1
    figures["rounds"] = seed
    return figures


if __name__ == "__main__":
    run_job(job, short=20, long=600)
