"""Instructions of a record: counted by callgrind, so the same each time, on a busy machine too.

What is kept is what our own compiled module executes: that depends on the compiler, and neither on
the C library nor on how the interpreter was built. `write_counts` keeps it in instructions.json.
"""

import importlib.metadata
import json
import pathlib
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.adapter import ARGS, TEMPLATE
from measure.record import IDENTITY, MESSAGE

from syslogfast import _encoder_c

KEPT = pathlib.Path(__file__).parent.parent / "data" / "instructions.json"
MODULE = pathlib.Path(_encoder_c.__file__).resolve()  # as callgrind names it
CALLS = 500

# Callgrind writes a file at each call of getppid, which nothing else calls: they are numbered. What
# CALLS calls take is what twice as many take more.
CHILD = """
import sys
sys.path[:0] = sys.argv[1:3]
import gc, json, posix
from itertools import repeat
from measure.calls import list_calls
gc.disable()
for name, call in list_calls(*json.loads(sys.argv[4])).items():
    run = call.compile()
    run(repeat(None, 2))
    for calls in int(sys.argv[3]), 2 * int(sys.argv[3]):
        times = repeat(None, calls)
        posix.getppid()
        run(times)
        posix.getppid()
    print(call.records, name)
"""


@dataclass
class Count:
    """Instructions of one record: in the compiled module, and in the whole process."""

    own: float
    whole: float


def measure_instructions(module: pathlib.Path = MODULE) -> dict[str, Count]:
    """Return what each of the calls of calls.py takes; OSError: there is no valgrind."""
    folders = [str(pathlib.Path(__file__).parent.parent), str(module.parent.parent)]
    arguments = json.dumps([IDENTITY, MESSAGE, TEMPLATE, ARGS])
    with tempfile.TemporaryDirectory() as directory:
        files = pathlib.Path(directory, "out")
        options = [f"--callgrind-out-file={files}", "--dump-before=getppid", "--dump-line=no"]
        command = ["valgrind", "-q", "--tool=callgrind", *options]
        command += [sys.executable, "-I", "-S", "-c", CHILD, *folders, str(CALLS), arguments]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        # Of four files to a call, the second and the fourth are of the calls themselves.
        counts = {}
        for number, line in enumerate(output.splitlines()):
            records, _, name = line.partition(" ")
            once, twice = (
                read_counts(pathlib.Path(f"{files}.{4 * number + index}"), module)
                for index in (2, 4)
            )
            made = CALLS * int(records)
            counts[name] = Count((twice.own - once.own) / made, (twice.whole - once.whole) / made)
        return counts


def read_counts(path: pathlib.Path, own: pathlib.Path) -> Count:
    """Sum up a file of callgrind's: the cost of what the functions do themselves."""
    count = Count(0, 0)
    for module, cost in list_costs(path.read_text().splitlines()):
        count.whole += cost
        if module == str(own):
            count.own += cost
    return count


def list_costs(lines: list[str]) -> Iterator[tuple[str, int]]:
    """Yield module and cost of each line that has one.

    A module's name is written out once, behind its number; where it is called, too. The line after
    "calls=" has the cost of what is called, which stands elsewhere.
    """
    names: dict[str, str] = {}
    module = ""
    is_called = False
    for line in lines:
        match = re.match(r"(c?)ob=(\(\d+\))(?: (.+))?$", line)
        if match:
            if match[3]:
                names[match[2]] = match[3]
            if not match[1]:
                module = names[match[2]]
        elif line.startswith("calls="):
            is_called = True
        elif re.match(r"[-+*\d]", line):
            if not is_called:
                yield module, int(line.split()[1])
            is_called = False


def count_instructions() -> dict[str, float]:
    """Return the instructions of our own compiled module, for one record."""
    return {name: count.own for name, count in measure_instructions().items()}


def describe_toolchain() -> str:
    """Return what the counts depend on, as far as the compiled module shows."""
    octets = MODULE.read_bytes()
    compiler = re.search(rb"GCC: \([^)]*\) (\d+)", octets)
    cython = importlib.metadata.version("Cython").split(".")
    parts = [
        platform.machine(),
        f"CPython {sys.version_info[0]}.{sys.version_info[1]}",
        f"gcc {compiler[1].decode()}" if compiler else "another compiler",
        f"Cython {cython[0]}.{cython[1]}",
    ]
    if b"__stack_chk_fail" in octets:  # as Debian's own Python has its modules compiled
        parts.append("stack protector")
    return ", ".join(parts)


def load_counts(path: pathlib.Path = KEPT) -> dict[str, dict[str, float]]:
    """Return the counts that are kept, by toolchain."""
    return json.loads(path.read_text()) if path.exists() else {}


def write_counts(path: pathlib.Path = KEPT) -> None:
    """Keep the present counts; those of other toolchains stay as they are."""
    counts = {name: round(count, 2) for name, count in count_instructions().items()}
    kept = {**load_counts(path), describe_toolchain(): counts}
    path.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


if __name__ == "__main__":
    write_counts()
