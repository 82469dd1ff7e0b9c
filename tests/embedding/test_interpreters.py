"""Several interpreters in one process: those that share the GIL, and those that have their own.

They are made as programs that embed Python make them: by C, of which this file has a little.
"""

import pathlib
import platform
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from support.c_extension import build_module
from support.receivers import Sink, stay_silent, url_of, wait_until

import syslogfast

pytestmark = pytest.mark.versions

COUNT = 8  # interpreters at a time
RECORDS = 100_000  # of each

# run(code, has_own_gil): run code in a new interpreter, end that, and return whether all was well.
SOURCE = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyThreadState *start(int has_own_gil)
{
    PyThreadState *started = NULL;
#if PY_VERSION_HEX >= 0x030c0000
    PyInterpreterConfig config = {
        .allow_threads = 1, .check_multi_interp_extensions = 1, .gil = PyInterpreterConfig_OWN_GIL
    };
    if (has_own_gil) {
        Py_NewInterpreterFromConfig(&started, &config);
        return started;
    }
#endif
    return has_own_gil ? NULL : Py_NewInterpreter();
}

static PyObject *run(PyObject *module, PyObject *args)
{
    const char *code;
    int has_own_gil, status;
    PyThreadState *before = PyThreadState_Get(), *started;
    if (!PyArg_ParseTuple(args, "sp", &code, &has_own_gil))
        return NULL;
    started = start(has_own_gil);
    if (started == NULL) {
        PyThreadState_Swap(before);
        return PyErr_Format(PyExc_RuntimeError, "no interpreter");
    }
    status = PyRun_SimpleString(code);
    Py_EndInterpreter(started);
    PyThreadState_Swap(before);
    return PyBool_FromLong(status == 0);
}

static PyMethodDef methods[] = {{"run", run, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL}
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "starter", NULL, 0, methods, slots, NULL, NULL, NULL
};
PyMODINIT_FUNC PyInit_starter(void) { return PyModuleDef_Init(&definition); }
"""

RunCode = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder with a module `starter` that has been built of SOURCE."""
    built = tmp_path_factory.mktemp("starter")
    build_module(built, "starter", SOURCE)
    return built


@pytest.fixture
def run_main(folder: pathlib.Path, run_python: RunCode) -> RunCode:
    """Give a function that runs a program, which has `run` and what is given by name."""

    def run(program: str, backend: str = "", **names: object) -> "subprocess.CompletedProcess[str]":
        given = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        start = f"import os, sys\nsys.path.append({str(folder)!r})\nfrom starter import run\n"
        return run_python(start + given + program, backend=backend)

    return run


HAS_OWN_GIL = sys.version_info >= (3, 12)  # Python itself: PEP 684
# What an interpreter promises, by whether it has a GIL of its own.
PROMISES = [pytest.param((False, "c"), id="shared GIL")]
PROMISES += [pytest.param((True, "c"), id="own GIL")] * HAS_OWN_GIL
PROMISES += [pytest.param((True, "python"), id="own GIL, fallback")] * HAS_OWN_GIL


@pytest.fixture(params=PROMISES)
def promise(request: pytest.FixtureRequest) -> "tuple[bool, str]":
    """Whether the interpreters have GILs of their own, and the backend that they then use."""
    has_own_gil, backend = request.param
    if backend == "c" and syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    return has_own_gil, backend


@pytest.fixture(
    params=[False, True][: 1 + HAS_OWN_GIL], ids=["shared GIL", "own GIL"][: 1 + HAS_OWN_GIL]
)
def has_own_gil(request: pytest.FixtureRequest) -> bool:
    """Whether the interpreters have GILs of their own; they use the compiled encoder."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    return bool(request.param)


# --- records -------------------------------------------------------------------------------------

# Each encodes and emits, and leaves to its end what lingers then.
SPEAK = """
import syslogfast
assert syslogfast.BACKEND == {backend!r}
identity = dict(hostname="h", app_name="vm-{number}", procid=1)
encoder = syslogfast.Encoder(**identity)
log = syslogfast.connect({url!r}, linger=0.05, overflow="block", timeout=60.0, **identity)
start = "<14>1 1970-01-01T00:00:00.000000Z h vm-{number} 1 - - "
for count in range({records}):
    text = "%d sold" % count
    assert encoder.encode("info", text, time_ns=0) == (start + text).encode()
    log.info("%d sold", count, time_ns=0)
stats = log.stats
assert (stats["offered"], stats["dropped"]) == ({records}, {{}}), stats
"""
SPEAK_ALL = """
import threading
done = []
def work(code):
    done.append(run(code, has_own_gil))
threads = [threading.Thread(target=work, args=(code,)) for code in codes]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert done == [True] * len(codes), done
"""


@pytest.mark.slow
def test_eight_at_a_time(run_main: RunCode, sink: Sink, promise: "tuple[bool, str]") -> None:
    """Eight interpreters, each in a thread, 100,000 records each: all of them whole, none lost."""
    has_own_gil, backend = promise
    codes = [
        SPEAK.format(backend=backend, number=number, url=url_of(sink), records=RECORDS)
        for number in range(COUNT)
    ]
    result = run_main(SPEAK_ALL, backend, has_own_gil=has_own_gil, codes=codes)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
    expected = {
        b"".join(
            b"<14>1 1970-01-01T00:00:00.000000Z h vm-%d 1 - - %d sold\n" % (number, count)
            for count in range(RECORDS)
        )
        for number in range(COUNT)
    }
    size = sum(map(len, expected))
    assert wait_until(lambda: len(sink.received) >= size)
    assert len(sink.connections) == COUNT
    assert {bytes(received) for received in sink.connections} == expected


COMPARE = """
import logging, sys, syslogfast
from syslogfast import _encoder_c, _encoder_py
sys.path.append({folder!r})
from starter import run

class Shouted(logging.LogRecord):
    def getMessage(self):
        return super().getMessage().upper()

def compare():
    for kind in logging.LogRecord, Shouted:
        for text, args in ("%d sold", (3,)), ("%r sold", ("caf\\u00e9",)):
            record = kind("shop", 40, "shop.py", 7, text, args, None)
            ways = [
                twin.Encoder(hostname="h", app_name="a").encode_record(record)
                for twin in (_encoder_c, _encoder_py)
            ]
            assert ways[0] == ways[1], ways
            assert (b"SOLD" in ways[0]) == (kind is Shouted), ways
            assert b'at 0x' not in ways[0]

compare()
for code in codes[:1]:
    for _ in range(2):
        assert run("codes = " + repr(codes[1:]) + "\\n" + code, False)
        compare()
"""


@pytest.mark.slow
def test_each_has_its_own_logging(run_main: RunCode, folder: pathlib.Path) -> None:
    """Four deep, alternating, one ended while the others live: each knows its own LogRecord."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    code = COMPARE.format(folder=str(folder))
    result = run_main(code, codes=[code] * 3)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


FORKED = """
import syslogfast
log = syslogfast.connect("fd://1", hostname="h", app_name="a", sequence_ids=True)
log.info("parent's")
child = os.fork()
log.info("both's")
if not child:
    assert run("import syslogfast", False)
    log.info("child's")
    os._exit(not log.flush())
assert os.waitpid(child, 0)[1] == 0
"""


def test_numbers_of_a_fork(run_main: RunCode) -> None:
    """Another interpreter that loads the package has no hand in the numbers of a process."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    result = run_main(FORKED)
    assert (result.stderr, result.returncode) == ("", 0)
    words = [line.split(" - ")[-1] for line in result.stdout.splitlines()]
    assert sorted(words) == sorted(
        f'[meta sequenceId="{number}"] {text}'
        for number, text in [(1, "parent's"), (2, "both's"), (1, "both's"), (2, "child's")]
    )


# --- the choice of the encoder -------------------------------------------------------------------

# What an interpreter gets that Python does not let load a module.
REFUSED = """
import sys, warnings

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name == "syslogfast._encoder_c":
            raise ImportError(f"module {name} does not support loading in subinterpreters")

sys.meta_path.insert(0, Refuse())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        import syslogfast, syslogfast.emitter, logging
        print(syslogfast.BACKEND, [warning.category.__name__ for warning in caught], flush=True)
        log = syslogfast.connect("fd://1", hostname="h", app_name="a", procid=1)
        log.info("it logs", time_ns=0)
        log.close()
        print(*{str(warning.message) for warning in caught}, sep="\\n")
    except ImportError as error:
        print(type(error).__name__, error)
"""
FALLBACK = """\
python ['RuntimeWarning']
<14>1 1970-01-01T00:00:00.000000Z h a 1 - - it logs
the compiled encoder must be in an interpreter that can load it: here the Python fallback is used, \
which is 13 times slower (module syslogfast._encoder_c does not support loading in \
subinterpreters); SYSLOGFAST_BACKEND=python asks for it
"""
REFUSAL = """\
ImportError module syslogfast._encoder_c does not support loading in subinterpreters
"""


@pytest.mark.parametrize(("backend", "expected"), [("", FALLBACK), ("c", REFUSAL)])
@pytest.mark.parametrize("before", ["", "import syslogfast\n"], ids=["first", "after main"])
def test_a_refused_interpreter_falls_back(
    run_main: RunCode, backend: str, expected: str, before: str
) -> None:
    """Where the compiled encoder is refused, the fallback logs, with one warning."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    result = run_main(before + "assert run(code, False)", backend, code=REFUSED)
    assert (result.stdout, result.stderr, result.returncode) == (expected, "", 0)


# --- the end -------------------------------------------------------------------------------------

GIVE_UP = """
import _thread, syslogfast
log = syslogfast.connect({url!r}, hostname="h", timeout=1.0, on_failure=False)
log.info("nobody answers")
while not _thread._count(): pass
log.close(0)
"""
GIVE_UP_LATER = """
import logging, syslogfast
handler = syslogfast.SysLogHandler({url!r}, protocol="rfc5424", timeout=0.5,
                                   on_failure=False)
logging.getLogger().addHandler(handler)
logging.warning("nobody answers")
"""
WATCH = """
import syslogfast
log = syslogfast.connect("fd://1", hostname="h", app_name="a", procid=1)
syslogfast.lifecycle.install(log, watch_network=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("code", [GIVE_UP, GIVE_UP_LATER], ids=["closed", "logging's"])
def test_it_outlasts_its_threads(run_main: RunCode, promise: "tuple[bool, str]", code: str) -> None:
    """CPython aborts where an interpreter ends before its threads: one that connects just now."""
    has_own_gil, backend = promise
    with stay_silent() as port:
        code = code.format(url=f"tcp://127.0.0.1:{port}")
        result = run_main(f"assert run(code, {has_own_gil})", backend, code=code)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


def test_lives(run_main: RunCode, promise: "tuple[bool, str]") -> None:
    """Each has a life of its own to tell of, with a thread that watches the network."""
    has_own_gil, backend = promise
    program = f"for _ in range(10): assert run(code, {has_own_gil})"
    result = run_main(program, backend, code=WATCH)
    assert (result.stderr, result.returncode) == ("", 0)
    for word in (" BOOTED ", " NETWORK-", " ENDED "):
        assert result.stdout.count(word) == 10, result.stdout


MANY = """
import syslogfast
encoder = syslogfast.Encoder(hostname="h", app_name="a", procid=1)
for _ in range(40):
    assert run(code, has_own_gil)
    encoder.encode("info", "\u20ac", structured_data={"a@1": {"b": "c"}})
"""
LAST = """
import os, syslogfast
class Last:
    def __init__(self):
        self.encoder = syslogfast.Encoder(hostname="h", app_name="a", procid=1)
        self.write = os.write
    def fork(self):
        pass
    def __del__(self):
        parameters = {"a@1": {"b": "c"}}
        self.write(1, self.encoder.encode(6, "l\u00e4st\\n", structured_data=parameters))
os.register_at_fork(before=Last().fork)
"""
EACH_LAST = "assert run(code, has_own_gil)\n"


@pytest.mark.slow
@pytest.mark.parametrize("program", [MANY, "for _ in range(40): assert run(code, has_own_gil)"])
def test_many_one_after_the_other(
    run_main: RunCode, program: str, promise: "tuple[bool, str]"
) -> None:
    """From the 33rd on, Cython keeps their modules in another way."""
    has_own_gil, backend = promise
    result = run_main(program, backend, code="import syslogfast", has_own_gil=has_own_gil)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


# What realloc() adds looks like entries of another module's table, for the interpreter NUMBER.
FILL = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
void *realloc(void *memory, size_t size)
{
    static void *(*real)(void *, size_t);
    struct { int64_t number; void *module; } *grown;
    size_t at = memory ? malloc_usable_size(memory) : 0;
    if (!real)
        real = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
    grown = real(memory, size);
    /* The entries of such a table begin where three words have preceded them. */
    for (at = at > 24 ? (at + 7) / 16 * 16 + 8 : 24; grown && at + 16 <= size; at += 16) {
        *(int64_t *)((char *)grown + at) = NUMBER;
        *(void **)((char *)grown + at + 8) = (void *)&real;
    }
    return grown;
}
"""


@pytest.mark.no_sanitizer
@pytest.mark.parametrize("number", [33, 66])
def test_memory_that_looks_like_a_module(
    run_main: RunCode,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    has_own_gil: bool,
) -> None:
    """What Cython has not written of its table is not looked at."""
    if platform.libc_ver()[0] != "glibc" or sys.maxsize < 1 << 32:
        pytest.skip("the C library is not glibc's of 64 bits, before whose allocator this stands")
    (tmp_path / "fill.c").write_text(f"#define NUMBER {number}\n{FILL}", encoding="ascii")
    options = ["-O1", "-fno-builtin", "-shared", "-fPIC", "-o", str(tmp_path / "fill.so")]
    subprocess.run(["cc", *options, str(tmp_path / "fill.c"), "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(tmp_path / "fill.so"))
    code = "from syslogfast import _encoder_c, _lifecycle_c"
    program = f"for _ in range({number + 2}): assert run(code, has_own_gil)"
    result = run_main(program, code=code, has_own_gil=has_own_gil)
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)


@pytest.mark.parametrize("program", [LAST, EACH_LAST, EACH_LAST + LAST, LAST + EACH_LAST])
def test_what_is_deleted_last_may_encode(
    run_main: RunCode, program: str, has_own_gil: bool
) -> None:
    """Also what an interpreter keeps longer than its modules, and than what tells of its end."""
    result = run_main(program, code=LAST, has_own_gil=has_own_gil)
    assert (result.stderr, result.returncode) == ("", 0)
    ends = program.count("run(") + program.count("class ")
    assert result.stdout.count('[a@1 b="c"]') == ends


# --- fatal signals: there is one handler for the process -----------------------------------------

INSTALL = """
import syslogfast
log = syslogfast.connect("fd://1", hostname="h", app_name={name!r}, procid=1)
life = syslogfast.lifecycle.install(log, boot=False, network=False, end=False)
"""
DIE = """
import faulthandler, signal
faulthandler.disable()
signal.raise_signal(signal.SIGSEGV)
"""


@pytest.mark.parametrize("uninstall", ["", "life.uninstall()\n"])
def test_fatal_signals_are_the_main_interpreters(
    run_main: RunCode, uninstall: str, has_own_gil: bool
) -> None:
    """The others neither take them, nor take them away, nor leave anything behind."""
    main, other = (INSTALL.format(name=name) for name in ("main", "other"))
    runs = f"for _ in range(3): assert run(code, {has_own_gil})\n"
    result = run_main(main + runs + DIE, code=other + uninstall)
    assert result.returncode == -signal.SIGSEGV, result.stderr
    assert result.stdout.count(" main 1 CRASHED ") == 1
    assert result.stdout.count("\n") == 1

    result = run_main(runs + DIE, code=other + uninstall)
    assert (result.stdout, result.returncode) == ("", -signal.SIGSEGV)
