"""The file of results: what was found, when, on what machine, with what versions."""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import subprocess
from dataclasses import dataclass, field

from measure.tables import Table, load_table

PARTS = (  # in the order of the page
    "record",
    "fields",
    "integrations",
    "timestamp",
    "call",
    "throughput",
    "emitters",
    "footprint",
    "outage",
    "relays",
)
MISSING = "not measured"  # is said where a page wants a figure that there is not
BUSY = 0.1  # the share of its CPUs' time above which a machine is called busy
PACKAGES = (
    "syslogfast",
    "Cython",
    "pytest-benchmark",
    "bqlog",
    "hat-syslog",
    "logust",
    "loguru",
    "picologging",
    "pyfastlogging",
    "rfc5424-logging-handler",
    "structlog",
    "syslog-rfc5424-formatter",
)


@dataclass
class Part:
    """One question's results.

    text: what was done; busy: the share of CPU time of others; left_out: what this machine lacks.
    """

    name: str
    question: str
    text: str
    busy: float = 0
    date: str = field(default_factory=lambda: datetime.date.today().isoformat())
    seconds: float = 0
    tables: list[Table] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass
class Results:
    machine: dict[str, str]
    versions: dict[str, str]
    parts: dict[str, Part] = field(default_factory=dict)

    def find(self, table: str, row: str, heading: str) -> float:
        """Return a figure; KeyError: there is none."""
        for part in self.parts.values():
            for each in part.tables:
                if each.name == table:
                    return each.find(row, heading)
        raise KeyError((table, row, heading))

    def list_left_out(self) -> list[str]:
        """Return what was left out of all parts, each thing once."""
        return list(dict.fromkeys(what for part in self.parts.values() for what in part.left_out))

    def describe(self) -> str:
        """Return on what they were found, when, and how long that took."""
        machine, versions = self.machine, dict(self.versions)
        implementation, version = next(iter(versions.items()))
        del versions[implementation]
        others = ", ".join(f"{name} {version}" for name, version in versions.items())
        dates = sorted({part.date for part in self.parts.values()})
        minutes = sum(part.seconds for part in self.parts.values()) / 60
        return (
            f"{machine['CPU']}, {machine['cores']} cores, {machine['memory']}; {machine['system']},"
            f" Linux {machine['kernel']}; {implementation} {version}, {others};"
            f" {' to '.join(dict.fromkeys([dates[0], dates[-1]]))}, {minutes:.0f} minutes"
        )


def run_quietly(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def describe_machine() -> dict[str, str]:
    """Return what it is, without its name."""
    model = re.search(r"model name\s*: (.+)", read_text("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", read_text("/proc/meminfo"))
    system = re.search(r'PRETTY_NAME="(.+)"', read_text("/etc/os-release"))
    return {
        "CPU": model[1] if model else platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 1e6:.1f} GB" if memory else "",
        "system": system[1] if system else platform.system(),
        "kernel": platform.release().partition("-")[0],
    }


def describe_versions() -> dict[str, str]:
    versions = {platform.python_implementation(): platform.python_version()}
    compiler = re.search(r"\d+(\.\d+)+", run_quietly("gcc", "--version").partition("\n")[0])
    if compiler:
        versions["gcc"] = compiler[0]
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def read_text(path: str) -> str:
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


class Watch:
    """The share of all CPUs that other processes have taken since it was made.

    What the kernel does for the network is nobody's; what a hypervisor takes is others'.
    """

    def __init__(self) -> None:
        self.all, self.others = self.read()

    def read(self) -> tuple[float, float]:
        """Return the time of all CPUs, and that of others, in the kernel's ticks."""
        line = read_text("/proc/stat").partition("\n")[0]
        if not line:
            return 1, 0
        user, nice, system, *others, steal = map(int, line.split()[1:9])
        ours = sum(os.times()[:4]) * os.sysconf("SC_CLK_TCK")
        busy = user + nice + system + steal
        return busy + sum(others), busy - ours

    def measure_share(self) -> float:
        now, others = self.read()
        return max(others - self.others, 0) / max(now - self.all, 1)


def save_results(results: Results, path: pathlib.Path) -> None:
    parts = [results.parts[name] for name in PARTS if name in results.parts]
    data = {
        "machine": results.machine,
        "versions": results.versions,
        "parts": [
            {**vars(part), "tables": [table.dump() for table in part.tables]} for part in parts
        ],
    }
    # Three digits are more than a shared machine can tell apart; the rest would only change.
    text = json.dumps(round_figures(data), indent=1, ensure_ascii=False)
    path.write_text(text + "\n")


def round_figures(data: object) -> object:
    if isinstance(data, float):
        return float(f"{data:.4g}")
    if isinstance(data, dict):
        return {key: round_figures(value) for key, value in data.items()}
    if isinstance(data, list):
        return [round_figures(value) for value in data]
    return data


def load_results(path: pathlib.Path) -> Results:
    data = json.loads(path.read_text())
    parts = {
        part["name"]: Part(**{**part, "tables": list(map(load_table, part["tables"]))})
        for part in data["parts"]
    }
    return Results(data["machine"], data["versions"], parts)
