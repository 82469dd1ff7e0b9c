"""Faults are put into the sources, one at a time: the tests have to find each of them.

Which faults there are is said by mutants.py; which tests are tried first, by mutation/tests.toml,
then all that are not slow. What has failed has to fail again, and to pass without the fault. The
fault is in an environment of its own, and so are the processes: a namespace of theirs ends with the
test run. `mutation/found.json` keeps which test has found which fault, `mutation/steady.json` which
of them it has found three times in a row: the short form tries eight of these, others for each
commit. `mutation/survivors.toml` has those that no test finds, each with the reason why none has
to.

SYSLOGFAST_MUTATION_KEEP=1 writes found.json anew, and with SYSLOGFAST_MUTATION_TIMES=3 also
steady.json. SYSLOGFAST_MUTATION_ONLY=TEXT tries only the faults with that text in their names, or
one of several, a line each.
"""

import concurrent.futures
import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import threading
import time
import tomllib
from pathlib import Path

import builds
import mutants
from mutants import Mutant
from report import run_job

DATA = Path(__file__).parent / "mutation"
COUNT = 150
OF_A_COMMIT = 8
STEADY = 3  # times in a row
SLOTS = 2
MODULES = ("_encoder_c", "_lifecycle_c", "_logger_c")
# What is unset is the same each time.
FLAGS = ["-O0", "-g0", "-w", "-fPIC", "-ftrivial-auto-var-init=zero"]
MEMORY = 8 << 20  # KiB, of each process: a fault may have one ask for more and more
ALL = [f"tests/{area}" for area in ("encoder", "emitter", "transports", "lifecycle", "logging")]
ALL += [f"tests/{area}" for area in ("commands", "embedding", "packaging")]
BOUND = 600.0  # seconds for tests that go on for ever

Verdict = dict[str, str]  # "verdict": found, survived, same; "by": the test


class Slot:
    """An environment, and a tree to build its package from, for one fault at a time."""

    def __init__(self, origin: Path, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(origin / "venv", folder / "venv", symlinks=True, copy_function=os.link)
        self.python = folder / "venv/bin/python"
        self.package = next((folder / "venv").glob("lib/python*/site-packages/syslogfast"))
        self.tree = folder / "tree"
        for name in ("syslogfast", "setup.py", "README.md"):
            source = origin / "tree" / name
            if source.is_dir():
                shutil.copytree(source, self.tree / name, ignore=shutil.ignore_patterns("*.c"))
            else:
                shutil.copy(source, self.tree / name)
        shutil.rmtree(self.package)
        shutil.copytree(
            next(origin.glob("venv/lib/python*/site-packages/syslogfast")), self.package
        )
        shutil.copy(DATA / "note_failures.py", self.package.parent)
        self.failures = folder / "failures"
        script = folder / "venv/bin/syslogfast"
        text = script.read_text("utf-8").replace(str(origin / "venv"), str(folder / "venv"))
        script.unlink()
        script.write_text(text, "utf-8")
        script.chmod(0o755)

    def put(self, file: str, text: str) -> None:
        """Have a file of the package be so; what is compiled of it is another matter."""
        (self.tree / file).write_text(text, "utf-8")
        installed = self.package / Path(file).relative_to("syslogfast")
        if installed.exists():
            installed.write_text(text, "utf-8")
            for stale in installed.parent.glob(f"__pycache__/{installed.stem}.*"):
                stale.unlink()

    def compile(self, module: str, flags: list[str], folder: Path) -> tuple[Path, str]:
        """Return the library, and what is wrong with the source, if it is."""
        suffix = next(self.package.glob("_encoder_c.*.so")).name.removeprefix("_encoder_c")
        c, library = self.tree / f"{module}.c", self.tree / f"{module}{suffix}"
        source = f"syslogfast/_c/{module}.pyx"
        command = [str(self.python), "-Im", "cython", "-3", "-I.", source, "-o", str(c)]
        command += ["--module-name", f"syslogfast.{module}"]
        result = subprocess.run(command, cwd=self.tree, capture_output=True, text=True)
        if result.returncode:
            return library, result.stderr
        # What is compiled has the headers, but no comments, nor what the preprocessor leaves out.
        flags = [*FLAGS, *flags, c.name]
        result = subprocess.run(
            ["gcc", "-E", "-P", *flags], cwd=self.tree, capture_output=True, text=True
        )
        if result.returncode:
            return library, result.stderr
        digest = hashlib.sha256(f"{FLAGS}{result.stdout}".encode()).hexdigest()
        kept = folder / f"{digest}.so"
        if not kept.exists():
            command = ["gcc", "-shared", "-o", str(library), *flags]
            result = subprocess.run(command, cwd=self.tree, capture_output=True, text=True)
            if result.returncode:
                return library, result.stderr
            shutil.copy(library, kept)
        return kept, ""

    def install(self, module: str, library: Path) -> None:
        place = next(self.package.glob(f"{module}.*.so"))
        place.unlink()
        shutil.copy(library, place)

    def run(self, tests: list[str], seconds: float, *options: str) -> tuple[int | None, list[str]]:
        """Return the exit status, None if they did not end in time, and which have failed."""
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command += [
            "nice",
            "-n",
            "10",
            "sh",
            "-c",
            f'ulimit -v {MEMORY}; ulimit -c 0; exec "$@"',
            "sh",
        ]
        command += [str(self.python), "-Im", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [
            "-o",
            "addopts=--benchmark-disable",
            "-p",
            "note_failures",
            "--hypothesis-seed=0",
        ]
        self.failures.write_text("")
        environ = os.environ | {
            "SYSLOGFAST_FAILURES": str(self.failures),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.tree / "hypothesis"),
            "SYSLOGFAST_REQUIRE_C": "1",
        }
        with subprocess.Popen(
            [*command, *options, *tests],
            cwd=builds.ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                status: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                status = None
        names = [json.loads(line) for line in self.failures.read_text("utf-8").splitlines()]
        return status, list(dict.fromkeys(names))


def read_flags(tree: Path, python: Path) -> list[str]:
    """Return what setup.py has the compiler told, but for how to optimize."""
    program = (
        "import json, runpy, setuptools, sysconfig\n"
        "def take(ext_modules, **rest):\n"
        "    module = ext_modules[0]\n"
        "    print(json.dumps([f'-D{n}={v}' for n, v in module.define_macros]"
        " + [f'-I{f}' for f in [*module.include_dirs, sysconfig.get_path('include')]]"
        " + module.extra_compile_args + module.extra_link_args))\n"
        "setuptools.setup = take\n"
        "runpy.run_path('setup.py')\n"
    )
    result = subprocess.run(
        [str(python), "-c", program], cwd=tree, capture_output=True, text=True, check=True
    )
    return [flag for flag in json.loads(result.stdout) if not flag.startswith("-O")]


def list_parts(module: str) -> set[str]:
    """Return the files that a compiled module is made of."""
    package = builds.ROOT / "syslogfast"
    parts: set[str] = set()
    left = [package / f"_c/{module}.pyx"]
    while left:
        path = left.pop()
        name = str(path.relative_to(builds.ROOT))
        if name in parts or not path.exists():
            continue
        parts.add(name)
        text = path.read_text("utf-8")
        left += [path.parent / found for found in re.findall(r'^include "(.+)"', text, re.M)]
        left += [package / "_c" / found for found in re.findall(r'from "(\w+\.h)"', text)]
        for found in re.findall(r"from syslogfast\.([\w.]+) cimport", text):
            left.append(package / (found.replace(".", "/") + ".pxd"))
    return parts


def list_tests(file: str) -> list[str]:
    """Return the test files that are tried first."""
    rows = tomllib.loads((DATA / "tests.toml").read_text("utf-8"))
    row = rows["c" if mutants.is_c(file) else "python"]
    while file not in row:
        file = file.rpartition("/")[0]
    return [f"tests/{test}.py" for test in row[file]]


class Trial:
    """What the faults of a run have in common."""

    def __init__(self, slots: list[Slot], folder: Path, chosen: list[Mutant]) -> None:
        self.slots: queue.Queue[Slot] = queue.Queue()
        for slot in slots:
            self.slots.put(slot)
        self.parts = {module: list_parts(module) for module in MODULES}
        self.flags = read_flags(slots[0].tree, slots[0].python)
        self.folder = folder
        self.libraries = {}
        for module in {self.find_module(mutant.line.file) for mutant in chosen} - {""}:
            library, wrong = slots[0].compile(module, self.flags, folder)
            assert not wrong, wrong
            self.libraries[module] = library
            for slot in slots:
                slot.install(module, library)
        self.lock = threading.Lock()
        self.has_run_all = False
        self.passing: set[str] = set()
        self.failing: set[str] = set()  # without a fault, as they are in this environment

    def find_module(self, file: str) -> str:
        """Return the compiled module that a fault in this file is tried in; an empty one: none."""
        return next((module for module in MODULES if file in self.parts[module]), "")

    def leave_out(self) -> list[str]:
        """Return the options that leave out what fails in this environment without a fault."""
        return [
            part
            for name in sorted(self.failing)
            for part in (("--deselect", name) if "::" in name else ("--ignore", name))
        ]

    def try_tests(self, slot: Slot, tests: list[str], *options: str) -> str:
        """Return the test that finds the fault which is in the slot, if one does."""
        options += ("-x", *self.leave_out())
        status, names = slot.run(tests, BOUND, *options)
        if status in (0, 5):  # 5: there is no such test
            return ""
        if status is None:
            return f"{tests[0]}, which does not end"
        for by in names:
            if slot.run([by], BOUND)[0] not in (0, 4, 5):
                return by
            print(f"  not found again: {by}", flush=True)
        return "" if names else tests[0]

    def run_all(self, slot: Slot) -> None:
        """Find out which of all tests fail without a fault."""
        with self.lock:
            if not self.has_run_all:
                _, names = slot.run(ALL, 4 * BOUND, "-m", "not slow", "-n", "4")
                self.failing.update(names)
                print(f"  without a fault fail: {sorted(self.failing)}", flush=True)
                self.has_run_all = True

    def passes(self, slot: Slot, by: str) -> bool:
        """Return True if a test passes without a fault."""
        if by not in self.passing:
            if slot.run([by], BOUND)[0] == 0:
                self.passing.add(by)
            else:
                self.failing.add(by)
                print(f"  fails without a fault: {by}", flush=True)
        return by in self.passing

    def put_and_try(self, slot: Slot, mutant: Mutant, tests: list[list[str]]) -> Verdict:
        """Put a fault into the slot, try these lists of tests, and take it out."""
        file = mutant.line.file
        module = self.find_module(file)
        before = (slot.tree / file).read_text("utf-8")
        try:
            slot.put(file, mutants.apply(mutant))
            if module:
                library, wrong = slot.compile(module, self.flags, self.folder)
                if wrong:
                    return {"verdict": "found", "by": "the compiler"}
                if library == self.libraries[module]:
                    return {"verdict": "same", "by": ""}
                slot.install(module, library)
            for some in tests:
                by = self.try_tests(slot, some, *("-m", "not slow", "-n", "4") * (some == ALL))
                if by:
                    return {"verdict": "found", "by": by}
            return {"verdict": "survived", "by": ""}
        finally:
            slot.put(file, before)
            if module:
                slot.install(module, self.libraries[module])

    def try_one(self, mutant: Mutant, tests: list[list[str]], is_thorough: bool) -> Verdict:
        slot = self.slots.get()
        try:
            while True:
                verdict = self.put_and_try(slot, mutant, tests)
                if "::" in verdict["by"] and not self.passes(slot, verdict["by"]):
                    continue
                if verdict["verdict"] != "survived" or tests == [ALL] or not is_thorough:
                    return verdict
                self.run_all(slot)
                tests = [ALL]
        finally:
            self.slots.put(slot)


def read_survivors() -> dict[str, str]:
    entries = tomllib.loads((DATA / "survivors.toml").read_text("utf-8"))["survivor"]
    assert all(entry["reason"] for entry in entries)
    return {entry["fault"]: entry["reason"] for entry in entries}


def try_faults(seconds: float) -> dict[str, object]:
    is_short = seconds < 600
    only = os.environ.get("SYSLOGFAST_MUTATION_ONLY", "")
    found: dict[str, str] = json.loads((DATA / "found.json").read_text("utf-8"))
    steady: list[str] = json.loads((DATA / "steady.json").read_text("utf-8"))
    survivors = read_survivors()
    if is_short or only:
        by_name = {
            str(mutant): mutant
            for file in mutants.list_sources()
            for mutant in mutants.list_mutants(file)
        }
    if only:
        chosen = [
            mutant
            for name, mutant in by_name.items()
            if any(text in name for text in only.splitlines())
        ]
    elif is_short:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=builds.ROOT, capture_output=True, text=True
        ).stdout
        names = [name for name in steady if name in by_name and "::" in found.get(name, "")]
        names.sort(key=lambda name: hashlib.sha256((commit + name).encode()).digest())
        chosen = [by_name[name] for name in names[:OF_A_COMMIT]]
        assert len(chosen) == OF_A_COMMIT
    else:
        chosen = mutants.choose(COUNT)
    interpreter = builds.build(
        "mutation",
        environ={"CFLAGS": "-O0"},
        packages=(
            *("cython>=3.3,<3.4", "hypothesis>=6.100", "pytest>=8", "pytest-benchmark>=4"),
            *("pytest-xdist>=3.6", "setuptools>=77.0.3"),
        ),
    )
    origin = interpreter.parents[2]
    folder = builds.FOLDER / "mutation-libraries"
    folder.mkdir(exist_ok=True)
    trial = Trial([Slot(origin, origin / f"slot{i}") for i in range(SLOTS)], folder, chosen)
    log = builds.FOLDER / "mutation.log"
    digest = (origin / "digest").read_text()
    known: dict[str, Verdict] = {}
    if os.environ.get("SYSLOGFAST_MUTATION_RESUME") and log.exists():
        for line in log.read_text("utf-8").splitlines():
            row = json.loads(line)
            if row["digest"] == digest:
                known[row["fault"]] = row
    verdicts: dict[str, Verdict] = {}
    times = int(os.environ.get("SYSLOGFAST_MUTATION_TIMES", "1"))
    is_steady: dict[str, bool] = {}

    def try_and_tell(mutant: Mutant) -> None:
        name = str(mutant)
        began = time.monotonic()
        if name in known:
            verdicts[name] = known[name]
            return
        by = found.get(name, "")
        tests = [[by]] * ("::" in by) + [list_tests(mutant.line.file)]
        is_thorough = not is_short and name not in survivors
        verdicts[name] = verdict = trial.try_one(mutant, tests, is_thorough)
        is_steady[name] = "::" in by and all(
            trial.try_one(mutant, [[by]], False) == verdict for _ in range(times - 1)
        )
        took = round(time.monotonic() - began)
        print(f"{took:4} s {verdict['verdict']:8} {name}  [{verdict['by']}]", flush=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"fault": name, "digest": digest, **verdict}) + "\n")

    with concurrent.futures.ThreadPoolExecutor(SLOTS) as pool:
        for future in [pool.submit(try_and_tell, mutant) for mutant in chosen]:
            future.result()
    counts = {
        what: sum(verdict["verdict"] == what for verdict in verdicts.values())
        for what in ("found", "survived", "same")
    }
    if os.environ.get("SYSLOGFAST_MUTATION_KEEP"):
        new = {name: by for name, by in found.items() if only and name not in verdicts}
        new |= {name: v["by"] for name, v in verdicts.items() if v["verdict"] == "found"}
        new = dict(sorted(new.items()))
        (DATA / "found.json").write_text(json.dumps(new, indent=1) + "\n", "utf-8")
        kept = [name for name in steady if name in new and new[name] == found.get(name)]
        if times >= STEADY:
            kept = [name for name in new if is_steady.get(name, name in kept)]
        (DATA / "steady.json").write_text(json.dumps(sorted(kept), indent=1) + "\n", "utf-8")
    findings = [
        f"no test finds: {name}"
        for name, verdict in verdicts.items()
        if verdict["verdict"] == "survived" and name not in survivors
    ]
    findings += [
        f"listed as a survivor, but found by {verdict['by']}: {name}"
        for name, verdict in verdicts.items()
        if verdict["verdict"] == "found" and name in survivors
    ]
    print(*findings, sep="\n")
    assert not findings, f"{len(findings)}, see above"
    return {"faults": len(verdicts), **counts}


if __name__ == "__main__":
    run_job(try_faults, short=60, long=2400)
