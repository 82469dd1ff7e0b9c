"""Stresses what threads may share, without the GIL and under ThreadSanitizer.

That Python is built from Debian's source, once for each machine, which takes four minutes.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from installed import run_in_build
from report import run_job

if __name__ == "__main__":
    run_in_build()

from threads.free_threaded import Unavailable, build_python, compile_package

FOLDER = Path(__file__).with_name("threads")
REPORT = "WARNING: ThreadSanitizer"
OURS = ("_encoder_c", "_lifecycle_c", "_logger_c")
FOUND = 66  # the exit status with which ThreadSanitizer ends a process that it found something in
ROUND = 20.0


def split_reports(text: str) -> list[str]:
    """Return the reports that have a frame of the package's."""
    reports = text.split("==================\n")
    return [
        report for report in reports if REPORT in report and any(name in report for name in OURS)
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
    found["reports of CPython alone"] = done.stderr.count(REPORT)
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
        interpreter = build_python(sanitizes=True)
        package = compile_package(interpreter, sanitizes=True)
        folder = interpreter.parents[1]
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
            other = build_python(sanitizes=False)
            compiled = {"PYTHONPATH": str(compile_package(other, sanitizes=False))}
            print_costs([str(other)], compiled, 1.0, f"{other.name} without the GIL")
    except Unavailable as reason:
        print(f"no ThreadSanitizer, and threads take turns: {reason}", flush=True)
        command, environ, name = plain, {}, f"{sys.version.split()[0]} with the GIL"
    figures: dict[str, object] = {"interpreter": name, "rounds": 0}
    end = time.monotonic() + seconds
    seed = 0
    while not seed or time.monotonic() < end:
        found = stress(command, environ, min(ROUND, seconds), seed)
        print(f"seed {seed}: {found}", flush=True)
        for key in ("emitted", "came", "reports of CPython alone"):
            figures[key] = int(str(figures.get(key, 0))) + found[key]
        seed += 1
    figures["rounds"] = seed
    return figures


if __name__ == "__main__":
    run_job(job, short=20, long=600)
