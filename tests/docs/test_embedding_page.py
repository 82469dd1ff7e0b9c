"""What docs/embedding.md shows is true: C, Cython, other Pythons, other programs."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import time

import pytest
from support.c_extension import build_module
from support.grammar import parse_rfc5424, split_frames
from support.other_interpreters import find_mpy_cross, find_node_modules, run_in_interpreter
from support.page_sections import Page, Run, Section, Stage

import syslogfast

PAGE = Page("embedding.md")


EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


@PAGE.check("From Cython")
def check_cython(section: Section, stage: Stage) -> None:
    """The loop of the example, which test_capi builds and runs."""
    source = (EXAMPLES / "cimport" / "readings.pyx").read_text(encoding="utf-8")
    assert textwrap.indent(section.take("cython"), "    ") in source


@PAGE.check("From C")
def check_c(section: Section, stage: Stage) -> None:
    """A function of the example, which test_capi builds and runs."""
    source = (EXAMPLES / "capi" / "heartbeat.c").read_text(encoding="utf-8")
    assert section.take("c") in source


ENCODER_SIZE = """
import gc, sys
gc.collect()
before = gc.mem_alloc()
from syslogfast import Encoder
gc.collect()
imported = gc.mem_alloc()
encoders = [Encoder(hostname="sensor-7", app_name="meter", procid=n) for n in range(100)]
gc.collect()
print(imported - before, (gc.mem_alloc() - imported) // 100)
for wrong in ({"attributes": "meter"}, {"facility": "loca0"}):
    try:
        Encoder(**wrong)
    except (TypeError, ValueError):
        pass  # whose words are modules of their own
print(*[name for name in sys.modules if name.startswith("syslogfast")])
"""
ALONE = """
from syslogfast import Encoder
encoder = Encoder(hostname="sensor-7", app_name="meter", procid="-", framing="lf")
buffer = bytearray(256)
end = encoder.encode_into(buffer, "info", "21.5 degrees", time_ns=1_065_910_455_003_000_000)
print(str(buffer[:end], "utf-8"), end="")
"""
# A module of the devices, which the unix port takes from a file.
MACHINE = """
WDT_RESET = 3
PWRON_RESET = 1
def reset_cause():
    return WDT_RESET
"""
EMITTER_SIZE = """
import gc
gc.collect()
before = gc.mem_alloc()
from syslogfast import micro
gc.collect()
imported = gc.mem_alloc()
names = {"hostname": "sensor-7", "app_name": "meter"}
logs = [micro.connect("udp://192.0.2.1", **names) for _ in range(100)]
gc.collect()
print(imported - before, (gc.mem_alloc() - imported) // 100)
"""
LACKS = """
import syslogfast
encoder = syslogfast.Encoder(hostname="sensor-7", app_name="meter", procid="-")
class Record:
    msg, args, levelno, created = "x", None, 20, 1.0
print(encoder.encode_record(Record()).decode())
for call in (
    lambda: encoder.encode(True, "x"),
    lambda: encoder.encode_into(memoryview(bytearray(9)), 6, "x"),
):
    try:
        call()
    except Exception as error:
        print(type(error).__name__, isinstance(error, ValueError))
"""


@PAGE.check("Threads, and Python without the GIL")
def check_threads(section: Section, stage: Stage) -> None:
    """Each record of each thread arrives."""
    run = stage.run_quiet(section.take("python"))
    texts = [parse_rfc5424(frame).message for frame in split_frames(run.out, "lf")]
    expected = {f"{shelf} {book} sold" for shelf in range(16) for book in range(1000)}
    assert (len(texts), set(texts)) == (16_000, expected)


@PAGE.check("PyPy, Pyodide, MicroPython")
def check_other_pythons(section: Section, stage: Stage) -> None:
    """Each program gives what it shows, where it is for; the files named are enough, and all."""
    package = pathlib.Path(syslogfast.__file__).parent
    wheel = section.take("sh").replace("python3", sys.executable)
    wheel = wheel.replace("wheel", f"wheel -q --no-build-isolation --no-index -w {stage.folder}")
    unwanted = shutil.ignore_patterns(".*", "build", "node_modules", "*.egg-info")
    tree = shutil.copytree(
        pathlib.Path(__file__).parents[2], stage.folder / "tree", ignore=unwanted
    )
    subprocess.run(["bash", "-ec", wheel], cwd=tree, check=True, timeout=120)
    (stage.folder / "node_modules").symlink_to(find_node_modules("pyodide"))
    stage.write("page.mjs", section.take("js"))
    command = ["node", "page.mjs"]
    started = time.time()
    result = subprocess.run(command, cwd=stage.folder, capture_output=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, b"")
    run = Run(0, started, time.time(), result.stdout, result.stderr)
    (shown,) = split_frames(section.take("text").encode(), "lf")
    (sent,) = split_frames(run.out, "lf")
    parsed = parse_rfc5424(sent)
    run.check_time(parsed.timestamp)
    assert parsed == parse_rfc5424(shown)._replace(timestamp=parsed.timestamp)

    program, shown = section.take("python"), section.take("text")
    sizes = check_micro(package, stage, program, shown.encode().splitlines())
    assert 0.9 * 8192 < sizes.pop(0) <= 8192
    assert "8 KB" in section.text

    paragraph = section.text.partition("The encoder alone")[2].partition("\n\n")[0]
    wanted, unwanted_names = (
        re.findall(r"`(\w+\.py)`", part) for part in paragraph.split(" but ", 1)
    )
    names = [path.name for path in package.glob("_[a-z]*.py") if path.name not in unwanted_names]
    names += wanted
    files = stage.folder / "files" / "syslogfast"
    files.mkdir(parents=True)
    for name in names:
        shutil.copy(package / name, files)
    assert f"is {len(names)} files" in section.text
    sizes.append(sum((files / name).stat().st_size for name in names))
    for name in ("pypy", "micropython"):  # Pyodide has run the example above
        printed = run_in_interpreter(name, ALONE, files).stdout
        assert printed == "<14>1 2003-10-11T22:14:15.003000Z sensor-7 meter - - - 21.5 degrees\n"
    heap, loaded = run_in_interpreter("micropython", ENCODER_SIZE, files).stdout.splitlines()
    assert {name.partition(".")[2] or "__init__" for name in loaded.split()} == {
        name.removesuffix(".py") for name in names
    }
    sizes += map(int, heap.split())
    stated = [float(number) for number in re.findall(r"(\d[\d.]*) KB", section.text)]
    assert stated.pop(0) == 8
    assert [size / 1000 for size in sizes] == pytest.approx(stated, rel=0.1)
    lacks = run_in_interpreter("micropython", LACKS, files).stdout.splitlines()
    record = "<14>1 1970-01-01T00:00:01.000000Z sensor-7 meter - - - x"
    assert lacks == [record, "TypeError False", "BufferError True"]


def check_micro(package: pathlib.Path, stage: Stage, program: str, shown: list[bytes]) -> list[int]:
    """Run the program from bytecode alone; return sizes: of that, of the heap, of an emitter."""
    folder = stage.folder / "device" / "syslogfast"
    folder.mkdir(parents=True)
    compiled = folder / "micro.mpy"
    command = [find_mpy_cross(), "-s", "micro.py", "-o", str(compiled), str(package / "micro.py")]
    subprocess.run(command, check=True, timeout=60)
    (folder.parent / "machine.py").write_text(MACHINE)
    done = run_in_interpreter("micropython-unix", stage.listen(program), folder)
    assert (done.stdout, done.stderr) == ("", "")
    records = [parse_rfc5424(stage.sockets[-1].recv(2048)) for _ in shown]
    for record, line in zip(records, shown, strict=True):
        expected = parse_rfc5424(line)
        elements = {name: dict(pairs) for name, pairs in record.structured_data}
        stated = {name: dict(pairs) for name, pairs in expected.structured_data}
        if record.msgid == "BOOTED":
            # Which device it is, with which firmware, and since when, is the page's.
            assert elements["runtime@32473"]["kernel"].startswith("linux ")
            for text in (record.message or "", expected.message or ""):
                assert re.match(r"booted and awake \d+\.\d{3} s after boot: ", text)
                end = r", micropython [\d.]+, syslogfast 0\.2\.0 micro; reset cause WDT_RESET"
                assert re.search(f"{end}$", text)
            for found in (elements, stated):
                assert found["runtime@32473"].pop("python").startswith("micropython 1.")
                del found["runtime@32473"]["kernel"]
                assert found["meta"].pop("sysUpTime").isdigit()
        else:
            assert record.message == expected.message
        assert elements == stated
        assert record._replace(timestamp="", message="", structured_data=[]) == expected._replace(
            timestamp="", message="", structured_data=[]
        )
    heap = run_in_interpreter("micropython-unix", EMITTER_SIZE, folder).stdout
    return [compiled.stat().st_size, *map(int, heap.split())]


@PAGE.check("Inside another program")
def check_inside(section: Section, stage: Stage) -> None:
    """The lines are those of the example, which test_embed.py builds and runs."""
    source = (EXAMPLES / "embed" / "program.c").read_text(encoding="utf-8")
    assert section.take("c") in source


# A page's block as the function of a module.
GUEST = """
#include <Python.h>
static PyObject *run(PyObject *module, PyObject *unused)
{
    %s
    Py_RETURN_NONE;
}
static PyMethodDef methods[] = {{"run", run, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "guest", NULL, -1, methods, NULL, NULL, NULL, NULL
};
PyMODINIT_FUNC PyInit_guest(void) { return PyModule_Create(&definition); }
"""


@PAGE.check("Isolated and stripped interpreters")
def check_archive(section: Section, stage: Stage) -> None:
    stage.run_quiet(section.take("python"))
    folder = stage.folder / "bin"
    folder.mkdir()
    (folder / "python3").symlink_to(sys.executable)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    for name in ("SYSLOGFAST_BACKEND", "PYTHONSAFEPATH"):
        environment.pop(name, None)
    command = ["bash", "-ec", section.take("sh")]
    done = subprocess.run(
        command, cwd=stage.folder, env=environment, capture_output=True, text=True
    )
    assert (done.stderr, done.stdout) == ("", section.take("text"))


@PAGE.check("Several interpreters in one process")
def check_interpreters(section: Section, stage: Stage) -> None:
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    build_module(stage.folder, "guest", GUEST % section.take("c"))
    stage.run_quiet("import guest\nguest.run()\n").compare(section.take("text"))
    # Descriptor 1 has the guest's record before what Python prints is written.
    guest, main = stage.run_quiet(
        section.take("python") + "import guest\nguest.run()\n"
    ).out.splitlines()
    assert (guest.rpartition(b" - ")[2], main) == (b"backend python", b"c")


WITHOUT_A_FILE = (
    *("by hand", "by nobody", "the README's second", "the same"),
    "`python -Im pytest -m versions`",
)


def test_platforms(root: pathlib.Path) -> None:
    """Each row has the command that proves it, of files that are there."""
    table = PAGE.sections["Other platforms, and wheels"].text.partition("| last |")[2]
    rows = [line.split(" | ") for line in table.partition("\n\n")[0].splitlines()[2:]]
    assert len(rows) >= 12
    for *_, command, last in rows:
        paths = re.findall(r"[\w./-]*/[\w./-]+", command)
        assert all((root / path).is_file() for path in paths), command
        assert paths or command in WITHOUT_A_FILE
        assert re.fullmatch(r"each change \||20\d\d-\d\d \||never \|", last)


SECTIONS = [
    pytest.param(heading, marks=pytest.mark.surroundings) if heading.startswith("PyPy") else heading
    for heading in PAGE.list_headings()
]


@pytest.mark.slow
@pytest.mark.parametrize("heading", SECTIONS)
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    """Each section with blocks has a check here."""
    PAGE.run(heading, tmp_path)
