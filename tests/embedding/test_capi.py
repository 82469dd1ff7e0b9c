"""The encoder from Cython and C, as installed: the same bytes, in threads unknown to Python.

What calls it is compiled here, with this interpreter's own setuptools and Cython. That it was
compiled with other structs or another table than those of the module, it is told on its import.
"""

import datetime
import hashlib
import importlib.util
import itertools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from types import ModuleType

import pytest

import syslogfast

INSTALLED = pathlib.Path(syslogfast.__file__).parent
IS_EDITABLE = str(INSTALLED.parent) not in sys.path
FOLDER = pathlib.Path(__file__).parent / "capi"
EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"

# Another text of these structs and enums needs another number, and another line here.
LAYOUTS = {3: "f1794137"}
TABLES = {1: "3c42f678"}

BUILD = """
from Cython.Build import cythonize
from setuptools import Extension, setup

modules = [
    Extension(name, ["in_c.c"], define_macros=[("NAME", name)], include_dirs=[folder])
    for name, folder in {folders!r}.items()
]
modules += cythonize({sources!r}, language_level=3, quiet=True, include_path={path!r})
setup(name="probe", ext_modules=modules)
"""
IDENTITY = {"hostname": "web1", "app_name": "shop", "procid": 42}
OPTIONS = [
    {},
    {"framing": "octet"},
    {"framing": "nul", "controls": "keep"},
    {"framing": "lf", "facility": 23, "precision": 0},
    {"protocol": "rfc3164"},
    {"protocol": "local", "framing": "octet"},
    {"bom": True, "prefix": b"TOKEN "},
    {"local_time": True, "precision": 3},
    {"structured_data": {"a@1": {"b": "c"}}, "msgid": "ID47", "max_size": 200},
]
MESSAGES = [
    b"",
    b"text",
    b"a text of more than sixteen octets",
    b"a\nb\xff\xc2\x85\xe2\x82\xac\xed\xa0\x80",
    b"\xef\xbb\xbf\xef\xbb\xbfafter a BOM",
    b"long " * 60,
    b"long\xe2\x82" * 2000,
]
# The last is of the year 9999 in every zone: beyond that RFC 3164 has the present time.
TIMESTAMPS = [(1_065_910_455, 3_000_123), (0, 0), (-1, 999_999_999), (253_402_200_000, 1)]

Run = Callable[..., "subprocess.CompletedProcess[str]"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("syslogfast._encoder_c") is None,
        reason="the compiled encoder is not built",
    ),
]


def run_in(folder: pathlib.Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run this interpreter in a folder, whose modules it finds."""
    # Cython's own parameters, and its type objects, which lack what 3.15 has added to them.
    ignored = "-Wno-unused-parameter -Wno-missing-field-initializers"
    environment = {**os.environ, "CFLAGS": f"-O0 -g0 -Wall -Wextra {ignored}"}
    if IS_EDITABLE:  # Cython looks for .pxd files in folders, not where an import hook points
        environment["PYTHONPATH"] = str(INSTALLED.parent)
    return subprocess.run(
        [sys.executable, "-s" if IS_EDITABLE else "-Es", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def replace_in(path: pathlib.Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def copy_headers(folder: pathlib.Path) -> pathlib.Path:
    """Copy what there is to compile with, but not the module; return the new package."""
    package = folder / "syslogfast"
    package.mkdir(parents=True)
    (package / "_c").mkdir()
    for path in [*INSTALLED.glob("*.pxd"), *INSTALLED.glob("*.h"), *INSTALLED.glob("_c/*.pxd")]:
        shutil.copy(path, package / path.relative_to(INSTALLED))
    return package


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with modules in C and Cython; for some of them a header was another one."""
    folder = tmp_path_factory.mktemp("built")
    for name in ("in_c.c", "in_cython.pyx"):
        shutil.copy(FOLDER / name, folder)
    table = "} syslogfast_api;"
    for name, old, new in (
        ("old_table", "define SYSLOGFAST_API_VERSION 1", "define SYSLOGFAST_API_VERSION 0"),
        ("long_table", table, "void (*more)(void);\n" + table),
    ):
        replace_in(copy_headers(folder / name) / "syslogfast.h", old, new)
    replace_in(copy_headers(folder / "other") / "_c/record.pxd", "syslogfast_layout_3", "layout_4")
    shutil.copy(folder / "in_cython.pyx", folder / "other_layout.pyx")
    folders = {name: str(folder / name / "syslogfast") for name in ("old_table", "long_table")}
    for place, names, sources in (
        ([], {"in_c": str(INSTALLED), **folders}, ["in_cython.pyx"]),
        ([str(folder / "other")], {}, ["other_layout.pyx"]),
    ):
        (folder / "setup.py").write_text(BUILD.format(folders=names, sources=sources, path=place))
        result = run_in(folder, "setup.py", "-q", "build_ext", "--inplace")
        assert result.returncode == 0, result.stderr
        assert "syslogfast" not in result.stderr, result.stderr  # no warning of its code
    return folder


def load(folder: pathlib.Path, name: str) -> ModuleType:
    (path,) = [path for path in folder.glob(f"{name}.*") if path.suffix in (".so", ".pyd")]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def list_cases() -> list[tuple[dict[str, object], bytes, int, int]]:
    return [
        (options, message, *when)
        for options in OPTIONS
        for message in MESSAGES
        for when in TIMESTAMPS
    ]


def make_encoder(**options: object) -> object:
    from syslogfast._encoder_c import Encoder

    return Encoder(**IDENTITY, **options)


def test_cython(built: pathlib.Path, set_zone: Callable[[str], None]) -> None:
    """Other Cython code cimports the encoder from where it is installed, and writes alike."""
    set_zone("Asia/Kathmandu")
    probe = load(built, "in_cython")
    for options, message, seconds, nanoseconds in list_cases():
        encoder = make_encoder(**options)
        when = 1_000_000_000 * seconds + nanoseconds
        expected = encoder.encode(4, message, time_ns=when)
        size = len(expected)
        given = encoder, 4, message, seconds, nanoseconds
        assert probe.encode_in_steps(*given) == expected
        assert probe.encode_at_once(*given, size) == expected
        assert probe.encode_at_once(*given, size - 1) is None
        header = encoder.header(4, time_ns=when)
        assert probe.write_header_alone(encoder, 4, seconds, nanoseconds) == header
        timestamp = probe.write_timestamp_alone(encoder, seconds, nanoseconds)
        assert b">" + timestamp in header or b">1 " + timestamp in header


class Probe:
    """The functions of the table, each called in a thread of its own."""

    def __init__(self, module: ModuleType, keep_gil: bool) -> None:
        self.module = module
        self.keep_gil = keep_gil

    def call(
        self,
        function: str,
        encoder: object,
        severity: int,
        when: tuple[int, int],
        message: bytes = b"",
        msgid: bytes = b"",
        elements: bytes = b"",
        space: int = 10_000,
    ) -> "tuple[int, bytes]":
        """Return the size, and what was written; beyond the space nothing is."""
        buffer = bytearray(b"\xaa" * (space + 64))
        given = encoder, severity, *when, message, msgid, elements, buffer, space
        size = self.module.call(function, *given, self.keep_gil)
        assert set(buffer[space if size <= space else 0 :]) == {0xAA}
        return size, bytes(buffer[:size]) if size <= space else b""


@pytest.fixture(params=[False, True], ids=["GIL released", "GIL kept"])
def probe(request: pytest.FixtureRequest, built: pathlib.Path) -> Probe:
    return Probe(load(built, "in_c"), request.param)


def test_c(probe: Probe, set_zone: Callable[[str], None]) -> None:
    """C code gets the same bytes by the header and the capsule; too little space stays as it is."""
    set_zone("Asia/Kathmandu")
    for options, message, *when in list_cases():
        encoder = make_encoder(**options)
        time_ns = 1_000_000_000 * when[0] + when[1]
        expected = encoder.encode(4, message, time_ns=time_ns)
        size = len(expected)
        for space in (0, size - 1, size):
            written = expected if space == size else b""
            assert probe.call("e", encoder, 4, when, message, space=space) == (size, written)
        header = encoder.header(4, time_ns=time_ns)
        size = len(header)
        assert probe.call("h", encoder, 4, when, message) == (size, header)
        assert probe.call("h", encoder, 4, when, space=size - 1) == (size, b"")
        _, timestamp = probe.call("t", encoder, 4, when, space=32)
        assert b">" + timestamp in header or b">1 " + timestamp in header


def test_c_msgid_and_elements(probe: Probe) -> None:
    """A record's own MSGID stands for the encoder's; its elements come after the encoder's."""
    when, message = (5, 0), b"a message of some length"
    for options in OPTIONS:
        encoder = make_encoder(**options)
        for msgid in ("", "ID48", "with space\x7f", "m" * 32, "m" * 33):
            for name in ("", "z@1", "z" * 32):
                elements = f'[{name} n="1"]' if name else ""
                own = {"structured_data": {name: {"n": 1}}} if name else {}
                expected = encoder.encode(
                    6, message, time_ns=5_000_000_000, msgid=msgid or None, **own
                )
                given = encoder, 6, when, message, msgid.encode(), elements.encode()
                assert probe.call("e", *given) == (len(expected), expected)


def test_c_outside_of_what_is_asked(probe: Probe) -> None:
    """A time that no calendar knows is unknown; what else is out of range reads and writes nothing
    that it should not."""
    encoder = make_encoder(local_time=True)
    for seconds in (-(1 << 63), (1 << 63) - 1, 253_402_300_800 + 86_400):
        size, record = probe.call("e", encoder, 6, (seconds, 0), b"a message of some length")
        assert record == b"<14>1 - web1 shop 42 - - a message of some length"
        assert probe.call("t", encoder, 6, (seconds, 0), space=32) == (1, b"-")
    encoder = make_encoder()
    for message in (b"", b"a message of some length"):
        size, record = probe.call("e", encoder, 255, (0, (1 << 32) - 1), message)
        assert record.startswith(b"<15>1 1970-01-01T00:00:00.999999Z web1")
        assert size == len(record)


def test_c_clock(probe: Probe) -> None:
    before = time.time_ns()
    seconds, nanoseconds = probe.module.read_clock()
    assert before <= 1_000_000_000 * seconds + nanoseconds <= time.time_ns()


def test_layout_is_of_an_encoder(built: pathlib.Path, probe: Probe) -> None:
    """Nothing else has a layout: neither the twin nor an encoder that is not initialised."""
    from syslogfast import _encoder_c, _encoder_py

    cython = load(built, "in_cython")
    twin = _encoder_py.Encoder()
    unready = _encoder_c.Encoder.__new__(_encoder_c.Encoder)
    for call in (
        lambda thing: probe.call("e", thing, 6, (0, 0)),
        lambda thing: cython.write_timestamp_alone(thing, 0, 0),
    ):
        for thing in (None, twin):
            with pytest.raises(TypeError, match=r"to syslogfast\._encoder_c\.Encoder"):
                call(thing)
        with pytest.raises(AttributeError, match="must be initialised"):
            call(unready)


# --- what does not fit together ------------------------------------------------------------------


def import_built(built: pathlib.Path, name: str, before: str = "") -> str:
    """Import a module in a new process; return the last line that it says on standard error."""
    code = f"import sys; sys.path.append(sys.argv[1])\n{before}\nimport {name}"
    result = subprocess.run(
        [sys.executable, "-I", "-c", code, str(built)], capture_output=True, text=True, timeout=60
    )
    return result.stderr.splitlines()[-1] if result.returncode else ""


def test_other_versions_are_refused(built: pathlib.Path) -> None:
    """What was compiled with another version cannot be imported: it would read wrong memory."""
    assert import_built(built, "in_c") == import_built(built, "in_cython") == ""
    for name, version in (("old_table", 0), ("long_table", 1)):
        said = import_built(built, name)
        assert said.startswith(f"ImportError: compiled for version {version} of syslogfast."), said
        assert "installed is version 1 (" in said
    said = import_built(built, "other_layout")
    assert said.startswith("TypeError: C function syslogfast._encoder_c.get_layout has wrong"), said
    assert "layout_3 const *" in said
    assert "syslogfast_layout_3 const *" in said


def test_what_is_missing_is_said(built: pathlib.Path) -> None:
    hide = "sys.modules['syslogfast._encoder_c'] = None"
    for name in ("in_c", "in_cython"):
        assert "Error: import of syslogfast._encoder_c" in import_built(built, name, hide)
    said = import_built(built, "in_c", "import syslogfast._encoder_c as c; del c.C_API")
    assert said.startswith(("AttributeError", "ImportError"))
    assert "C_API" in said
    said = import_built(built, "in_cython", "import syslogfast._encoder_c as c; del c.__pyx_capi__")
    assert "__pyx_capi__" in said


def compute_digest(texts: list[str]) -> str:
    """Return a number for these declarations, whatever their comments."""
    plain = re.sub(r"#.*|/\*[^*]*\*/", "", "".join(texts))
    return hashlib.sha256(" ".join(plain.split()).encode()).hexdigest()[:8]


def test_structs_have_a_version() -> None:
    """Whoever changes a struct or an enum that is compiled into others gives it another number."""
    texts = []
    for name in ("record", "text", "timestamp"):
        text = (INSTALLED / "_c" / f"{name}.pxd").read_text()
        # The numbers of an enum are what fields of a Layout mean.
        texts += re.findall(
            r"^(?:ctypedef struct .*|cdef enum:)\n(?:    .*\n)+", text, re.MULTILINE
        )
    (number,) = re.findall(
        r'^ctypedef struct Layout "syslogfast_layout_(\d+)":$', "".join(texts), re.M
    )
    assert {int(number): compute_digest(texts)} == LAYOUTS


def test_table_has_a_version() -> None:
    """The same for C's header."""
    text = (INSTALLED / "syslogfast.h").read_text()
    (number,) = re.findall(r"^#define SYSLOGFAST_API_VERSION (\d+)", text, re.MULTILINE)
    structs = re.findall(r"^typedef struct \{.*?^\} \w+;", text, re.MULTILINE | re.DOTALL)
    assert len(structs) == 4
    assert {int(number): compute_digest(structs)} == TABLES


# --- the examples --------------------------------------------------------------------------------


def run_example(name: str, folder: pathlib.Path) -> list[bytes]:
    """Run the last commands of an example's page in a copy of it, and return the records."""
    text = (EXAMPLES / name / "README.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    *_, install, place, build, run = block.splitlines()
    # As the package itself asks for them, and of them what its setup.py needs.
    _, requires = (EXAMPLES.parent / "pyproject.toml").read_text().split("requires = ", 1)
    wanted = json.loads(requires.partition("\n")[0])
    if name == "capi":
        wanted = [word for word in wanted if not word.startswith("cython")]
    assert sorted(shlex.split(install.partition(" install . ")[2])) == sorted(wanted)
    assert place == f"cd examples/{name}"
    copy = folder / name
    shutil.copytree(EXAMPLES / name, copy, ignore=shutil.ignore_patterns("*.so", "build"))
    python = "../../.venv/bin/python "
    for command in (build, run):
        assert command.startswith(python)
        result = run_in(copy, *command.removeprefix(python).split())
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return result.stdout.encode().splitlines()


def check_records(records: list[bytes], app_name: str, facility: str, severity: int) -> list[str]:
    """Compare each with what `encode` gives at the same time; return the messages."""
    messages = []
    for record in records:
        head, _, message = record.partition(b" - - ")
        _, timestamp, hostname, _, procid = head.split()
        encoder = make_encoder_of(hostname.decode(), app_name, procid.decode(), facility)
        when = timestamp.decode()
        expected = encoder.encode(severity, message, time_ns=read_timestamp(when))
        assert record == expected
        messages.append(message.decode())
    return messages


def make_encoder_of(hostname: str, app_name: str, procid: str, facility: str) -> object:
    from syslogfast._encoder_c import Encoder

    return Encoder(hostname=hostname, app_name=app_name, procid=procid, facility=facility)


def read_timestamp(text: str) -> int:
    when = datetime.datetime.fromisoformat(text.removesuffix("Z") + "+00:00")
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (when - epoch) // datetime.timedelta(microseconds=1) * 1000


def test_example_cimport(tmp_path: pathlib.Path) -> None:
    """Each thread logs the readings above the limit, in order."""
    records = run_example("cimport", tmp_path)
    messages = check_records(records, "readings", "local0", 4)
    assert len(messages) > 100
    for message in messages:
        assert re.fullmatch(r"reading \d+ is (0\.99999\d|1\.000000)", message)
    numbers = [int(message.split()[1]) for message in messages]
    assert sum(after < before for before, after in itertools.pairwise(numbers)) == 3


def test_example_capi(tmp_path: pathlib.Path) -> None:
    """The thread beats while the interpreter is held."""
    records = run_example("capi", tmp_path)
    messages = check_records(records, "heartbeat", "user", 6)
    assert messages == [f"alive, beat {number}" for number in range(1, len(messages) + 1)]
    assert len(messages) >= 5
    times = [read_timestamp(record.split()[1].decode()) for record in records]
    assert times == sorted(set(times))
