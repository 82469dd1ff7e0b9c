#!/usr/bin/env python3
"""Coverage-guided fuzzing: the core is compiled by clang with ASan and UBSan, and libFuzzer, by
way of atheris, sees which edges of it and of the Python code an input takes.

usage: fuzz.py [--short] [--seconds N] [--figures FILE]    all targets, two at a time
       fuzz.py --target NAME ...                           one of them
       fuzz.py --target NAME --input HEX                   one input, as a finding shows it
       fuzz.py ... --keep                                  the corpora in git are replaced by the
                                                           smallest inputs that take as many edges

What a target tries is in the head of fuzz/target_NAME.py.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import builds
from report import run_job

FOLDER = Path(__file__).resolve().parent / "fuzz"
TARGETS = sorted(path.stem.removeprefix("target_") for path in FOLDER.glob("target_*.py"))
PROCESSES = 2
SEED = 5424
LONGEST_INPUT = 2048  # octets
SLOWEST_INPUT = 30  # seconds, on a machine that has others to serve
START_TIME = 300.0  # seconds that a process may take beyond those that it is to fuzz
KEPT_SIZE = 18_000  # octets of a corpus in git
SANITIZERS = "address,undefined,fuzzer-no-link"
COMPILER = {
    "CC": "clang",
    "LDSHARED": "clang -shared",
    # -g1 has lines, which is what a report shows, and takes less time.
    "CFLAGS": f"-O1 -g1 -fno-omit-frame-pointer -fsanitize={SANITIZERS}"
    " -fno-sanitize-recover=undefined",
    "DIST_EXTRA_CONFIG": str(FOLDER / "build.cfg"),
}
# pytest and hypothesis are what tests/support imports.
PACKAGES = ("atheris==3.0.0", "hypothesis", "pytest")
# Leaks are another job's. Who asks for terabytes gets a MemoryError, as elsewhere. Each object of
# Python is a block: of where it was made two frames are enough, and few are kept back when freed.
ASAN = (
    "detect_leaks=0:allocator_may_return_null=1:malloc_context_size=2:quarantine_size_mb=16"
    ":handle_abort=1"
)


class Target:
    """One target, and what a run of it has found."""

    def __init__(self, name: str, python: Path) -> None:
        self.name = name
        self.python = python
        self.kept = FOLDER / f"corpus/{name}.txt"
        self.inputs = self.edges = 0
        self.finding = ""

    def run(self, folder: Path, flags: list[str], bound: float) -> "tuple[int, str]":
        """Return exit status and output of the child."""
        (fuzzer,) = self.python.parents[1].glob("lib/python*/site-packages/asan_with_fuzzer.so")
        environ = os.environ | {
            "ASAN_OPTIONS": ASAN,
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",
            "PYTHONHASHSEED": "0",
            "LD_PRELOAD": str(fuzzer),
        }
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self.python, "-s", FOLDER / "child.py", self.name, *flags],
                cwd=folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                status = process.wait(bound)
            except subprocess.TimeoutExpired:
                status = -1
            finally:
                process.kill()
                process.wait()
        text = log.read_text(errors="replace")
        return status, text if status != -1 else f"{text}\nnot ended after {bound:g} s"

    def fuzz(self, seconds: float, keep: bool) -> None:
        """Run it, from the corpus in git on."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            corpus = folder / "corpus"
            corpus.mkdir()
            for number, line in enumerate(self.kept.read_text().split()):
                (corpus / f"{number:04}").write_bytes(bytes.fromhex(line))
            flags = [
                *(f"-seed={SEED}", f"-max_total_time={seconds:.0f}", f"-timeout={SLOWEST_INPUT}"),
                *(f"-max_len={LONGEST_INPUT}", "-len_control=20", "-print_final_stats=1"),
                f"-artifact_prefix={folder}/finding-",
            ]
            status, text = self.run(folder, [*flags, str(corpus)], seconds + START_TIME)
            self.inputs = int(find_last(r"number_of_executed_units: (\d+)", text))
            self.edges = int(find_last(r"\bcov: (\d+)", text))
            if status or list(folder.glob("finding-*")):
                self.finding = self.describe(folder, status, text)
            elif self.inputs <= len(list(corpus.iterdir())) // 2 or not self.edges:
                self.finding = f"{self.name} has tried next to nothing:\n{text[-2000:]}"
            elif keep:
                self.keep(folder, corpus)
        found = ", a FINDING" if self.finding else ""
        print(f"{self.name}: {self.inputs:,} inputs, {self.edges:,} edges{found}", flush=True)

    def describe(self, folder: Path, status: int, text: str) -> str:
        """Return what was found, and all that is needed to repeat it."""
        lines = text.splitlines()
        starts = (" === Uncaught", "runtime error:", "ERROR: AddressSanitizer", "ERROR: libFuzzer")
        first = next((i for i, line in enumerate(lines) if any(s in line for s in starts)), None)
        shown = lines[-60:] if first is None else lines[first : first + 60]
        inputs = [path.read_bytes().hex() for path in sorted(folder.glob("finding-*"))]
        again = "".join([f"\n  fuzz.py --target {self.name} --input {found or repr('')}"
                         for found in inputs])  # fmt: skip
        return f"{self.name}, exit status {status}, seed {SEED}:\n" + "\n".join(shown) + again

    def keep(self, folder: Path, corpus: Path) -> None:
        """Put the smallest inputs into git that take all edges, as far as there is space."""
        small = folder / "small"
        small.mkdir()
        flags = ["-merge=1", f"-max_len={LONGEST_INPUT}", str(small), str(corpus)]
        status, text = self.run(folder, flags, 600.0)
        assert not status, text[-2000:]
        inputs = sorted([path.read_bytes() for path in small.iterdir()], key=lambda i: (len(i), i))
        lines: list[str] = []
        size = 0
        for found in inputs:
            size += 2 * len(found) + 1
            if size > KEPT_SIZE:
                break
            lines.append(found.hex())
        self.kept.write_text("".join([f"{line}\n" for line in lines if line]))

    def repeat(self, line: str) -> None:
        """Call it with one input."""
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "input").write_text(line)
            status, text = self.run(folder, ["--inputs", "input"], START_TIME)
            print(text)
            sys.exit(status)


def find_last(pattern: str, text: str) -> str:
    return ([*re.findall(pattern, text)] or ["0"])[-1]


def fuzz(seconds: float, names: list[str], keep: bool) -> dict[str, object]:
    python = builds.build("fuzz", environ=COMPILER, packages=PACKAGES)
    targets = [Target(name, python) for name in names]
    rounds = -(-len(targets) // PROCESSES)
    with ThreadPoolExecutor(PROCESSES) as threads:
        list(threads.map(lambda target: target.fuzz(seconds / rounds, keep), targets))
    findings = [target.finding for target in targets if target.finding]
    for finding in findings:
        print(f"\n{finding}", flush=True)
    assert not findings, f"{len(findings)} of {len(targets)} targets have found something"
    figures: dict[str, object] = {
        "inputs": sum(target.inputs for target in targets),
        "edges": sum(target.edges for target in targets),
        "findings": 0,
    }
    for target in targets:
        figures[target.name] = f"{target.inputs:,} / {target.edges:,}"
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--input")
    parser.add_argument("--keep", action="store_true")
    options, sys.argv[1:] = parser.parse_known_args()
    names = [options.target] if options.target else TARGETS
    if options.input is not None:
        python = builds.build("fuzz", environ=COMPILER, packages=PACKAGES)
        Target(names[0], python).repeat(options.input)
    run_job(
        lambda seconds: fuzz(seconds, names, options.keep),
        short=75,
        long=600 * -(-len(names) // PROCESSES),
    )


if __name__ == "__main__":
    main()
