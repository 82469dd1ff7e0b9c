"""Inside a C program: examples/embed, and interpreters that end while the program goes on."""

import json
import os
import pathlib
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig

import pytest
from support.code_blocks import list_blocks
from support.crashes import leave_out_stack
from support.grammar import parse_rfc5424, split_frames
from support.namespaces import isolate, need_programs

import syslogfast

pytestmark = pytest.mark.slow

LIVES = 3
# What the program asks for, and does without: the README tells of the first. The others are
# the start of any static program, Python's search for itself, the allocator's of 3.13, and from
# 3.14 on the C library's for the end of the stack.
NAMED = {"/etc/resolv.conf", "/proc/net/pnp", "/proc/self/fd/1", "/proc/self/stat"}
ASKED_FOR = {
    *NAMED,
    *("/proc/self/exe", "/", "/proc/sys/vm/overcommit_memory", "pyvenv.cfg", "/proc/self/maps"),
}
TELL_PYTHON = """
import json, os, platform, sys, sysconfig
print(json.dumps({
    "version": platform.python_version(),
    "library": os.path.join(*map(sysconfig.get_config_var, ("LIBPL", "LIBRARY"))),
    "has_sockets": {"_socket", "select"} <= set(sys.builtin_module_names),
}))
"""


def list_pythons() -> list[str]:
    """Return this Python and, if it is another of the same version, the system's."""
    system = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    is_other = os.path.exists(system) and not os.path.samefile(system, sys.executable)
    return [sys.executable, system] if is_other else [sys.executable]


class Embedded:
    """The program, built from a copy of the sources with one of the Pythons."""

    def __init__(
        self, python: str, root: pathlib.Path, tree: pathlib.Path, core: pathlib.Path
    ) -> None:
        tell = subprocess.run([python, "-Ic", TELL_PYTHON], check=True, capture_output=True)
        told = json.loads(tell.stdout)
        self.version = str(told["version"])
        self.has_sockets = bool(told["has_sockets"])
        if not os.path.exists(told["library"]):
            pytest.skip(f"{python} has no static library: {told['library']}")
        shutil.copytree(
            root / "syslogfast",
            tree / "syslogfast",
            ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.c"),
        )
        for source in core.parent.glob("*.c"):  # as after a first build, by Cython
            shutil.copy(source, tree / "syslogfast" / "_c")
        shutil.copytree(root / "examples" / "embed", tree / "examples" / "embed")
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(root / name, tree)
        self.tree = tree
        (commands,) = list_blocks(tree / "examples" / "embed" / "README.md", "sh")
        self.install, build, self.start = commands.splitlines()
        # Cython and setuptools are those of this Python: there is no need to install any.
        environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")}
        environment["CFLAGS"] = "-O0 -g0"
        self.run(build.replace("build/venv/bin/python", python), environment)

    def run(self, command: str, environment: "dict[str, str] | None" = None) -> bytes:
        result = subprocess.run(
            ["bash", "-c", command],
            cwd=self.tree,
            env=environment,
            capture_output=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr.decode()
        return result.stdout

    def mask(self, records: str) -> str:
        """Hide what differs from run to run; check what does not."""
        kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
        records = records.replace(kernel, "KERNEL").replace(f"cpython {self.version}", "PYTHON")
        records = records.replace(f"{syslogfast.__version__} c", "VERSION")
        records = re.sub(r"(?<=>1 )[^ ]+Z|(?<=(?:booted|tarted)=\")[^\"]+Z", "TIME", records)
        records = re.sub(r' isSynced="0"| isSynced="1" syncAccuracy="\d+"', " CLOCK", records)
        records = re.sub(r"(?<=; clock )(?:within [\d.]+ ms|not synchronised)", "CLOCK", records)
        records = re.sub(r"(?<=sysUpTime=\")\d+|(?<=pid=\")\d+|(?<=PID )\d+", "NUMBER", records)
        return re.sub(r"\d+\.\d+(?= s after (?:boot|process start))", "SECONDS", records)

    def check(self, out: bytes) -> None:
        """In each of its lives the program sends what the README shows."""
        (shown,) = list_blocks(self.tree / "examples" / "embed" / "README.md", "text")
        for old, new in {
            "Linux 6.1.0 x86_64": "KERNEL",
            "cpython 3.11.2": "PYTHON",
            "0.2.0 c": "VERSION",
        }.items():
            assert shown.count(old) == 2
            shown = shown.replace(old, new)
        lines = self.mask(shown).splitlines()
        assert len(lines) == 3
        expected = lines if self.has_sockets else lines[:1]
        assert self.mask(out.decode()).splitlines() == LIVES * expected
        for record in split_frames(out, "lf"):
            parse_rfc5424(record)


@pytest.fixture(scope="module", params=list_pythons())
def embedded(
    request: pytest.FixtureRequest,
    root: pathlib.Path,
    tmp_path_factory: pytest.TempPathFactory,
    core: "tuple[str, pathlib.Path]",
) -> Embedded:
    need_programs("bash", "gcc")
    libc = subprocess.run(["gcc", "-print-file-name=libc.a"], capture_output=True, text=True)
    if not os.path.exists(libc.stdout.strip()):
        pytest.skip("the C library is not there as a static one")
    return Embedded(request.param, root, tmp_path_factory.mktemp("embed"), core[1])


def isolate_start(start: str) -> str:
    """Return the README's command; within a chroot there are no namespaces of users, for root."""
    assert " unshare -rnR " in start
    need_programs("unshare")
    if os.getuid() == 0 and subprocess.run(["unshare", "-rn", "true"]).returncode:
        isolate("-n")
        return start.replace("-rnR", "-nR")
    isolate("-rn")
    return start


def test_where_there_is_nothing(embedded: Embedded) -> None:
    """The README's program does its work alone in a folder that is its root, without network."""
    embedded.check(embedded.run(isolate_start(embedded.start)))
    assert os.listdir(embedded.tree / "build" / "empty") == ["program"]


def test_no_file_is_opened(embedded: Embedded) -> None:
    """Nor does it look for any but those that the README names."""
    need_programs("strace")
    before, _, command = isolate_start(embedded.start).partition("&& unshare")
    trace = embedded.tree / "trace"
    started = f"strace -f -e trace=%file -o {shlex.quote(str(trace))} unshare{command}"
    embedded.check(embedded.run(f"{before} && {started}"))
    _, _, after = trace.read_text().partition('execve("/program"')
    assert "exited with 0" in after
    paths = set(re.findall(r'^(?:\d+ +)?\w+\((?:AT_FDCWD, )?"(.*?)"', after, re.MULTILINE))
    assert paths - {""} <= ASKED_FOR
    assert ("/etc/resolv.conf" in paths) == embedded.has_sockets
    readme = (embedded.tree / "examples" / "embed" / "README.md").read_text()
    assert all(f"`{path}`" in readme for path in NAMED)


def test_what_it_is_built_with(embedded: Embedded, root: pathlib.Path) -> None:
    """The README has Cython and setuptools installed as the package itself asks for them."""
    _, requires = (root / "pyproject.toml").read_text().split("requires = ", 1)
    wanted = json.loads(requires.partition("\n")[0])
    assert sorted(shlex.split(embedded.install.partition(" -q ")[2])) == sorted(wanted)


# --- finalize and initialize again ---------------------------------------------------------------

RUN_LIVES = """
#include <Python.h>
#include <stdlib.h>

/* usage: lives PYTHON COUNT CODE       runs it in so many interpreters, one after the other */
int main(int argc, char **argv) {
    for (int life = 0; life < atoi(argv[2]); life++) {
        PyConfig config;
        PyConfig_InitIsolatedConfig(&config);
        PyStatus status = PyConfig_SetBytesString(&config, &config.executable, argv[1]);
        if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
        PyConfig_Clear(&config);
        if (PyStatus_Exception(status)) Py_ExitStatusException(status);
        if (PyRun_SimpleString(argv[3]) || Py_FinalizeEx()) return 1;
    }
    return argc != 4;
}
"""
LIVE = """
import os, threading
import syslogfast
from syslogfast import lifecycle
life = os.environ["LIFE"] = str(int(os.environ.get("LIFE", 0)) + 1)  # C keeps it
log = syslogfast.connect("fd://1", hostname="vm-7", app_name="shop", procid=1, sequence_ids=True)
lifecycle.install(log, network_timeout=0)
log.info("%d sold", 3, msgid="SALE", structured_data={"order@32473": {"id": 17}})
threads = [threading.Thread(target=log.info, args=("thread",)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
encoder = syslogfast.Encoder(hostname="vm-7", app_name="shop", procid=1)  # freed at the end
assert syslogfast.BACKEND == os.environ["SYSLOGFAST_BACKEND"]
"""


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A program that is linked to this Python's own library."""
    need_programs("gcc")
    get = sysconfig.get_config_var
    library = pathlib.Path(get("LIBDIR"), get("LDLIBRARY"))
    if not library.exists():
        pytest.skip(f"this Python has no library to be linked to: {library}")
    folder = tmp_path_factory.mktemp("lives")
    (folder / "lives.c").write_text(RUN_LIVES)
    flags = ["-rdynamic", f"-Wl,-rpath,{library.parent}", f"-I{sysconfig.get_path('include')}"]
    needed = shlex.split(f"{get('LIBS')} {get('SYSLIBS')}")
    command = ["gcc", *flags, "lives.c", str(library), *needed, "-o", "lives"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "lives"


def run_lives(
    program: pathlib.Path, backend: str, code: str
) -> "subprocess.CompletedProcess[bytes]":
    # From Python 3.14 on only a process's first interpreter finds what a virtual environment has.
    installed = pathlib.Path(syslogfast.__file__).parents[1]
    code = f"import sys; sys.path.append({str(installed)!r})\n{code}"
    return subprocess.run(
        [program, sys.executable, str(LIVES), code],
        env={**os.environ, "SYSLOGFAST_BACKEND": backend},
        capture_output=True,
        timeout=60,
    )


def list_lives(out: bytes) -> list[list[tuple]]:
    """Return, for each BOOTED and what follows, what was said, and with which number."""
    told: list[list[tuple]] = []
    for record in map(parse_rfc5424, split_frames(out, "lf")):
        if record.msgid == "BOOTED":
            told.append([])
        number = dict(dict(record.structured_data)["meta"])["sequenceId"]
        text = "" if record.msgid in ("BOOTED", "NETWORK-UP", "NETWORK-DOWN") else record.message
        told[-1].append((number, record.msgid, text))
    return told


def test_lives(lives: pathlib.Path, backend: str) -> None:
    """After finalize and initialize all is as it was at first: names, numbers, hooks, threads."""
    result = run_lives(lives, backend, LIVE)
    assert (result.returncode, result.stderr) == (0, b"")
    # Threads of the same moment may overtake each other after they have been numbered.
    first, *others = map(sorted, list_lives(result.stdout))
    assert [msgid for _, msgid, _ in first[2:]] == ["SALE", *4 * ["-"], "ENDED"]
    assert [number for number, _, _ in first] == [str(number) for number in range(1, 9)]
    assert others == [first] * (LIVES - 1)


def test_a_crash_in_a_later_life(lives: pathlib.Path) -> None:
    """A fatal signal is told of by the interpreter that is there, not by one that has ended."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    result = run_lives(lives, "c", LIVE + f"\nif life == '{LIVES}': os.abort()\n")
    assert result.returncode == -6
    *ended, crashed = list_lives(result.stdout)
    assert [life[-1][1] for life in ended] == ["ENDED"] * (LIVES - 1)
    number, msgid, text = crashed[-1]
    assert (number, msgid) == ("8", "CRASHED")
    assert leave_out_stack(text) == "about to crash: SIGABRT (Aborted)"
