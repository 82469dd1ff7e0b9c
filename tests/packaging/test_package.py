"""What is installed, built and loaded: which encoder, which files, and no module more than needed.

The tests that build take seconds each. They build a copy of the tree, with this interpreter's own
setuptools and Cython, and download nothing.
"""

import importlib.machinery
import importlib.metadata
import importlib.util
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable

import pytest

import syslogfast
from syslogfast.constants import FACILITIES, SEVERITIES

COMPILED = "syslogfast._encoder_c"
INSTALLED = pathlib.Path(syslogfast.__file__).parent
SHOW_BACKEND = "import syslogfast; print(syslogfast.BACKEND)"
# For a copy of the package in the folder that is the first argument.
FROM_FOLDER = "import sys; sys.path.insert(0, sys.argv[1])\n"
# Without site-packages: a package that is installed to be edited is found there file by file.
COPIED = ("-I", "-S")
ENCODE = """
from syslogfast import Encoder
encoder = Encoder(hostname="web1", app_name="shop", procid=42)
assert encoder.encode("info", "text", time_ns=0) == (
    b"<14>1 1970-01-01T00:00:00.000000Z web1 shop 42 - - text"
)
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def is_compiled() -> bool:
    return importlib.util.find_spec(COMPILED) is not None


def need_compiled() -> None:
    if not is_compiled():
        pytest.skip("the compiled encoder is not built")


def copy_package(folder: pathlib.Path, *without: str) -> pathlib.Path:
    """Copy the installed package into a folder, but for some files; return the new package."""
    ignored = shutil.ignore_patterns("__pycache__", *without)
    return pathlib.Path(shutil.copytree(INSTALLED, folder / "syslogfast", ignore=ignored))


# --- which encoder -------------------------------------------------------------------------------


def test_backend_is_what_is_installed(run_python: Run) -> None:
    """Where the compiled encoder is installed it is used, without being asked for."""
    unset = "import os; os.environ.pop('SYSLOGFAST_BACKEND', None)\n"
    expected = "c" if is_compiled() else "python"
    for code in (SHOW_BACKEND, unset + SHOW_BACKEND):
        result = run_python(code)
        assert (result.stdout, result.stderr) == (f"{expected}\n", "")


def test_required_backend_is_there() -> None:
    """SYSLOGFAST_REQUIRE_C says of a test run, as of a build, that there is a compiled encoder."""
    assert is_compiled() or not os.environ.get("SYSLOGFAST_REQUIRE_C")


@pytest.mark.parametrize("name", ["c", "python"])
def test_backend_can_be_chosen(run_python: Run, name: str) -> None:
    """SYSLOGFAST_BACKEND decides, and Encoder is that module's."""
    if name == "c":
        need_compiled()
    code = "import syslogfast as s; print(s.BACKEND, s.Encoder.__module__, s.format_timestamp(0))"
    result = run_python(code, backend=name)
    module = {"c": COMPILED, "python": "syslogfast._encoder_py"}[name]
    assert (result.stderr, result.stdout) == ("", f"{name} {module} 1970-01-01T00:00:00.000000Z\n")


@pytest.mark.parametrize("name", ["bogus", "C", " c", "Python", "0"])
def test_bogus_backend_is_an_error(run_python: Run, name: str) -> None:
    """Another value of SYSLOGFAST_BACKEND is a ValueError that names variable and value."""
    result = run_python(SHOW_BACKEND, backend=name)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"ValueError: SYSLOGFAST_BACKEND must be 'c' or 'python', got {name!r}"
    )


@pytest.mark.slow
def test_garbage_is_collected_during_the_import(run_python: Run) -> None:
    """At each step of it, for a program's own garbage makes that come at any."""
    for threshold in range(1, 60):
        code = f"import gc; gc.set_threshold({threshold}, 1, 1); import syslogfast; gc.collect()"
        result = run_python(f"{code}; print(syslogfast.BACKEND)")
        assert (result.returncode, result.stdout) == (0, f"{syslogfast.BACKEND}\n"), threshold


@pytest.mark.versions
def test_without_the_compiled_module(run_python: Run, tmp_path: pathlib.Path) -> None:
    """Where it was not built the twin is used; who asks for it by name gets an error."""
    copy_package(tmp_path, "_encoder_c*.so", "_encoder_c*.pyd")
    for name in ("", "python"):
        result = run_python(
            FROM_FOLDER + SHOW_BACKEND + ENCODE, str(tmp_path), backend=name, options=COPIED
        )
        assert (result.stdout, result.stderr) == ("python\n", "")
    result = run_python(FROM_FOLDER + SHOW_BACKEND, str(tmp_path), backend="c", options=COPIED)
    assert result.returncode == 1
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"ModuleNotFoundError: No module named '{COMPILED}'")  # 3.15 adds a hint


@pytest.mark.parametrize("name", ["", "c"])
@pytest.mark.parametrize("content", [b"", b"\x7fELF\2\1\1", b"not a library\n" * 100])
def test_broken_module_is_an_error(
    run_python: Run, tmp_path: pathlib.Path, name: str, content: bytes
) -> None:
    """A compiled module that cannot be loaded raises: it never becomes the twin in silence."""
    package = copy_package(tmp_path, "_encoder_c*.so", "_encoder_c*.pyd")
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (package / f"_encoder_c{suffix}").write_bytes(content)
    result = run_python(FROM_FOLDER + SHOW_BACKEND, str(tmp_path), backend=name, options=COPIED)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith("ImportError: ")


@pytest.mark.parametrize("name", ["", "c"])
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("import lost_library", "ModuleNotFoundError: No module named 'lost_library'"),
        ("import syslogfast.lost", "ModuleNotFoundError: No module named 'syslogfast.lost'"),
        ("raise ImportError('symbol not found')", "ImportError: symbol not found"),
        ("raise SystemError('another Python')", "SystemError: another Python"),
        ("", "ImportError: cannot import name 'Encoder' from "),
    ],
)
def test_module_that_fails_is_an_error(
    run_python: Run, tmp_path: pathlib.Path, name: str, line: str, error: str
) -> None:
    """So does one that is there but fails while it is loaded, whatever the reason."""
    package = copy_package(tmp_path, "_encoder_c*.so", "_encoder_c*.pyd")
    (package / "_encoder_c.py").write_text(line)  # stands in for a compiled one
    result = run_python(FROM_FOLDER + SHOW_BACKEND, str(tmp_path), backend=name, options=COPIED)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].startswith(error)


# --- what is loaded ------------------------------------------------------------------------------

HEAVY = [
    *["logging", "socket", "ssl", "re", "enum", "datetime", "typing", "threading", "contextlib"],
    *["dataclasses", "functools", "subprocess", "argparse", "inspect", "selectors", "json"],
]
SHOW_LOADED = """
import sys
before = set(sys.modules)
import syslogfast
encoder = syslogfast.Encoder(protocol="rfc5424", structured_data={"a": {"b": 1}}, framing="octet")
encoder.encode("info", "text\\n\\ud800", msgid="x", structured_data={"a": {"b": "c"}})
encoder.encode_into(bytearray(), 6, b"text")
syslogfast.Encoder(protocol="rfc3164", hostname=None).encode(3, "text")
syslogfast.format_timestamp()
print(*sorted(set(sys.modules) - before))
"""


@pytest.mark.parametrize("name", ["c", "python"])
@pytest.mark.parametrize("options", [("-I",), ("-S", "-E", "-I"), ("-I", "-S", "-X", "utf8=1")])
def test_little_is_imported(run_python: Run, name: str, options: tuple[str, ...]) -> None:
    """To encode loads the package and what is built in: nothing that is slow to start or large."""
    if name == "c":
        need_compiled()
    code = FROM_FOLDER + SHOW_LOADED
    result = run_python(code, str(INSTALLED.parent), backend=name, options=options)
    assert result.stderr == ""
    loaded = result.stdout.split()
    assert "syslogfast" in loaded
    assert not set(loaded) & set(HEAVY)
    assert not [module for module in loaded if module.startswith("syslogfast.transports")]
    others = [module for module in loaded if not module.startswith("syslogfast")]
    twins = {"_struct", "struct", "_collections_abc"}
    # Cython makes the others itself, out of nothing.
    assert set(others) <= (twins if name == "python" else set()) | {"time", "cython_runtime"} | {
        module for module in others if module.startswith("_cython_")
    }


def test_enums_are_loaded_on_first_use(run_python: Run) -> None:
    """Facility and Severity cost nothing until somebody wants them."""
    code = FROM_FOLDER + (
        "import syslogfast\n"
        "assert 'enum' not in sys.modules and 'syslogfast.enums' not in sys.modules\n"
        "first = syslogfast.Severity\n"
        "assert 'syslogfast.enums' in sys.modules\n"
        "assert first is syslogfast.Severity and 'Facility' in vars(syslogfast)\n"
        "from syslogfast import *\n"
        "print(Facility.LOCAL7 + 0, Severity.DEBUG + 0, BACKEND, Encoder, format_timestamp)"
    )
    result = run_python(code, str(INSTALLED.parent), options=("-I", "-S"))
    assert result.stderr == ""
    assert result.stdout.startswith("23 7 ")


def test_enums_agree_with_keywords() -> None:
    """Each member's name is a keyword of the same number, and each number has a member."""
    for kind, keywords in ((syslogfast.Facility, FACILITIES), (syslogfast.Severity, SEVERITIES)):
        for name, member in kind.__members__.items():
            assert keywords[name.lower()] == member
            assert isinstance(member, int)
        assert {int(member) for member in kind} == set(keywords.values())


def test_enums_are_accepted(encoder_module) -> None:
    """A member stands for its number, wherever a number may stand."""
    identity = {"hostname": "web1", "app_name": "shop", "procid": 42}
    for facility in syslogfast.Facility:
        encoder = encoder_module.Encoder(facility=facility, **identity)
        for severity in syslogfast.Severity:
            expected = f"<{8 * facility.value + severity.value}>1 ".encode()
            assert encoder.encode(severity, "x").startswith(expected)
            assert encoder.header(severity).startswith(expected)
            buffer = bytearray()
            encoder.encode_into(buffer, severity, "x")
            encoder.encode_many_into(buffer, severity, ["x"], len(buffer))
            assert buffer.count(expected) == 2


def test_names(run_python: Run) -> None:
    """All public names can be seen and had; another is an AttributeError like any module's."""
    for use in ("", "syslogfast.connect, syslogfast.lifecycle, syslogfast.SysLogHandler; "):
        code = f"import syslogfast; {use}print(*dir(syslogfast))"
        expected = sorted([*syslogfast.__all__, "lifecycle", "loggers", "services"])
        assert run_python(code).stdout.split() == expected
    assert all(hasattr(syslogfast, name) for name in syslogfast.__all__)
    assert syslogfast.__version__ == importlib.metadata.version("syslogfast")
    with pytest.raises(AttributeError) as caught:
        syslogfast.Encodr  # noqa: B018
    assert str(caught.value) == "module 'syslogfast' has no attribute 'Encodr'"
    assert not hasattr(syslogfast, "__path_to_nowhere__")


def test_modules_that_nobody_has_to_import(run_python: Run) -> None:
    """They can be named at once, and cost nothing before."""
    code = (
        "import sys, syslogfast\n"
        "names = ('.lifecycle', '.loggers', '.services')\n"
        "print(*[name for name in sys.modules if name.endswith(names)])\n"
        "print(syslogfast.lifecycle.install.__name__, syslogfast.services.loggly.__name__)\n"
        "print(*sorted({'lifecycle', 'loggers', 'services'} & set(dir(syslogfast))))\n"
    )
    assert run_python(code).stdout == "\ninstall loggly\nlifecycle loggers services\n"


# --- what is installed ---------------------------------------------------------------------------


def list_needed(root: pathlib.Path) -> list[str]:
    """Return what must be installed: Python's files, the marker for types, headers of Cython, C.

    Of Cython's that is what a cimport of the package leads to.
    """
    package = root / "syslogfast"
    found = [path for kind in ("*.py", "py.typed") for path in package.rglob(kind)]
    headers = [package / "__init__.pxd", package / "_c" / "__init__.pxd"]
    for header in headers:
        names = re.findall(r"^from syslogfast\.([\w.]+) cimport", header.read_text(), re.MULTILINE)
        led_to = [package / f"{name.replace('.', '/')}.pxd" for name in names]
        headers += [path for path in led_to if path not in headers]
    found += headers
    found += package.glob("*.h")  # those of _c are for the build alone
    for name in ("py.typed", "__init__.pxd", "_encoder_c.pxd", "_c/record.pxd", "syslogfast.h"):
        assert package / name in found
    return sorted(path.relative_to(root).as_posix() for path in found)


def test_files_are_installed(root: pathlib.Path) -> None:
    """The installed package has every module, what one cimports, the C header and py.typed."""
    for name in list_needed(root):
        assert (INSTALLED.parent / name).is_file(), name


def run_build(
    folder: pathlib.Path, *arguments: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run this interpreter in a folder, with nothing but `variables` to tell a build what to do."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SYSLOGFAST_")
    }
    return subprocess.run(
        [sys.executable, "-I", *arguments],
        cwd=folder,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


# --- what is built -------------------------------------------------------------------------------


@pytest.fixture
def tree(root: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the project as it is checked out."""
    unwanted = [".*", "build", "dist", "*.egg-info", "__pycache__", "*.so", "_*.c", "node_modules"]
    copied = shutil.copytree(root, tmp_path / "tree", ignore=shutil.ignore_patterns(*unwanted))
    shutil.copytree(root / ".ci", tmp_path / "tree/.ci", dirs_exist_ok=True)
    return pathlib.Path(copied)


@pytest.fixture
def translated(tree: pathlib.Path, core: "tuple[str, pathlib.Path]") -> None:
    """The tree is as after a first build: Cython is not run again."""
    for source in core[1].parent.glob("*.c"):  # newer than all that it is made of
        shutil.copy(source, tree / "syslogfast" / "_c")


# As pip does it, which takes as long again to start.
BUILD_WHEEL = """
import os, sys
sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
from setuptools import build_meta
build_meta.build_wheel("wheels")
"""


def build_wheel(tree: pathlib.Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    (tree / "wheels").mkdir(exist_ok=True)
    return run_build(tree, "-c", BUILD_WHEEL, **variables)


def unpack_wheel(tree: pathlib.Path) -> tuple[str, list[str], pathlib.Path]:
    """Return the only wheel's name, what is in it and the folder where it is unpacked."""
    (wheel,) = (tree / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tree / "unpacked")
        return wheel.name, archive.namelist(), tree / "unpacked"


@pytest.mark.slow
@pytest.mark.usefixtures("translated")
def test_wheel(tree: pathlib.Path, run_python: Run) -> None:
    """The wheel has the compiled encoder and all that is installed, and none of its C source."""
    built = build_wheel(tree, SYSLOGFAST_REQUIRE_C="1", CFLAGS="-O0 -g0")
    assert built.returncode == 0, built.stdout
    name, files, folder = unpack_wheel(tree)
    assert name.startswith(f"syslogfast-{syslogfast.__version__}-cp")
    assert not set(list_needed(tree)) - set(files)
    assert not [file for file in files if file.endswith((".c", ".pyc"))]
    assert not [file for file in files if not file.startswith("syslogfast")]
    assert len([file for file in files if file.endswith((".so", ".pyd"))]) == 3
    result = run_python(FROM_FOLDER + SHOW_BACKEND + ENCODE, str(folder), options=COPIED)
    assert (result.stdout, result.stderr) == ("c\n", "")


@pytest.mark.slow
def test_pure_wheel(tree: pathlib.Path, run_python: Run) -> None:
    """SYSLOGFAST_PURE=1 builds a wheel for every Python, which uses the twin."""
    built = build_wheel(tree, SYSLOGFAST_PURE="1", CC="/bin/false")
    assert built.returncode == 0, built.stdout
    name, files, folder = unpack_wheel(tree)
    assert name == f"syslogfast-{syslogfast.__version__}-py3-none-any.whl"
    assert not set(list_needed(tree)) - set(files)
    assert not [file for file in files if file.endswith((".c", ".so", ".pyd", ".pyc"))]
    result = run_python(FROM_FOLDER + SHOW_BACKEND + ENCODE, str(folder), options=COPIED)
    assert (result.stdout, result.stderr) == ("python\n", "")


REPLAY = (
    FROM_FOLDER
    + """
sys.path.append(sys.argv[2])
import syslogfast
from vectors import generate, replay
assert syslogfast.BACKEND == "c" and syslogfast.__file__.startswith(sys.argv[1])
assert not syslogfast.Encoder.encode.__doc__
replay.main(generate.PATH)
"""
)


@pytest.mark.slow
@pytest.mark.usefixtures("translated")
def test_small_build(root: pathlib.Path, tree: pathlib.Path, run_python: Run) -> None:
    """SYSLOGFAST_SMALL=1 makes a module of two thirds of the size that gives the vectors."""
    need_compiled()
    if shutil.which("strip") is None:
        pytest.skip("strip is not installed")
    built = build_wheel(tree, SYSLOGFAST_SMALL="1", SYSLOGFAST_REQUIRE_C="1", CFLAGS="-g0")
    assert built.returncode == 0, built.stdout
    _, _, folder = unpack_wheel(tree)
    sizes = []
    for package in (folder / "syslogfast", INSTALLED):
        (module,) = package.glob("_encoder_c*.so")
        subprocess.run(["strip", "-o", str(tree / "stripped"), str(module)], check=True)
        sizes.append((tree / "stripped").stat().st_size)
    assert sizes[0] < 0.7 * sizes[1]
    replayed = run_python(REPLAY, str(folder), str(root / "tests" / "encoder"), options=COPIED)
    assert (replayed.returncode, replayed.stderr) == (0, ""), replayed.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("translated")
def test_without_a_compiler(tree: pathlib.Path, run_python: Run) -> None:
    """Where nothing can be compiled the wheel has the twin, unless SYSLOGFAST_REQUIRE_C=1."""
    required = build_wheel(tree, CC="/bin/false", SYSLOGFAST_REQUIRE_C="1")
    assert required.returncode != 0
    assert not list((tree / "wheels").glob("*.whl"))
    built = build_wheel(tree, CC="/bin/false")
    assert built.returncode == 0, built.stdout
    _, files, folder = unpack_wheel(tree)
    assert not [file for file in files if file.endswith((".so", ".pyd"))]
    result = run_python(FROM_FOLDER + SHOW_BACKEND + ENCODE, str(folder), options=COPIED)
    assert (result.stdout, result.stderr) == ("python\n", "")


# --- with which Cython ---------------------------------------------------------------------------

# This machine's Cython, which says that it is another: its C says so, too.
FAKE_CYTHON = """
import importlib.machinery, os, sys
others = [path for path in sys.path if path != os.path.dirname(os.path.dirname(__file__))]
__path__ = importlib.machinery.PathFinder.find_spec("Cython", others).submodule_search_locations
__version__ = {version!r}
from Cython.Shadow import *
__version__ = {version!r}
"""


def fake_cython(folder: pathlib.Path, version: str) -> str:
    """Return a folder for PYTHONPATH with a Cython of this version."""
    package = folder / "fake" / "Cython"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE_CYTHON.format(version=version))
    return str(package.parent)


@pytest.mark.slow
@pytest.mark.parametrize(("version", "required"), [("3.2.9", ""), ("3.4.0", ""), ("4.0.0a1", "1")])
def test_unknown_cython_ends_the_build(tree: pathlib.Path, version: str, required: str) -> None:
    """Also where the extension is optional: a sentence says what to do, and there is no wheel."""
    path = fake_cython(tree.parent, version)
    built = build_wheel(tree, PYTHONPATH=path, SYSLOGFAST_REQUIRE_C=required, CFLAGS="-O0")
    assert built.returncode != 0
    assert f"syslogfast: Cython must be 3.3.x, got {version}: " in built.stdout
    assert "install 'cython>=3.3,<3.4'" in built.stdout
    assert not list((tree / "wheels").glob("*.whl"))


@pytest.mark.slow
def test_pure_wheel_needs_no_known_cython(tree: pathlib.Path) -> None:
    """Nothing is compiled for it, so it does not matter which Cython there is."""
    path = fake_cython(tree.parent, "3.4.0")
    built = build_wheel(tree, PYTHONPATH=path, SYSLOGFAST_PURE="1")
    assert built.returncode == 0, built.stdout
    assert [path.name.endswith("-none-any.whl") for path in (tree / "wheels").iterdir()] == [True]


def test_unknown_cython_is_refused_by_the_compiler(
    tmp_path: pathlib.Path, root: pathlib.Path
) -> None:
    """The C that another Cython has made, whoever compiles it."""
    source = tmp_path / "by_cython.c"
    source.write_text(
        "#define CYTHON_HEX_VERSION 0x030400F0\n#include <Python.h>\n"
        '#include "cython_internals.h"\n'
    )
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"{compiler[0]} is not installed")
    folders = [f"-I{root / 'syslogfast' / '_c'}", f"-I{sysconfig.get_path('include')}"]
    compiled = subprocess.run(
        [*compiler, "-fsyntax-only", *folders, str(source)], capture_output=True, text=True
    )
    assert compiled.returncode != 0
    assert "build with 'cython>=3.3,<3.4'" in compiled.stderr


def test_one_version_of_cython(root: pathlib.Path) -> None:
    """It stands in four files, of which each needs it."""
    project = (root / "pyproject.toml").read_text()
    assert re.findall(r'"(cython[^"]*)"', project, re.IGNORECASE).count("cython>=3.3,<3.4") == 2
    assert '!= ["3", "3"]' in (root / "setup.py").read_text()
    header = (root / "syslogfast" / "_c" / "cython_internals.h").read_text()
    assert re.findall(r"^#if CYTHON_HEX_VERSION (.*)", header, re.MULTILINE) == [">> 16 == 0x0303"]
    embed = (root / "examples" / "embed" / "README.md").read_text()
    assert "'cython>=3.3,<3.4'" in embed


# --- the source archive --------------------------------------------------------------------------


@pytest.mark.slow
def test_source_archive(tree: pathlib.Path) -> None:
    """The source archive has what a build and the tests need, and nothing that was built."""
    code = "from setuptools import build_meta; print(build_meta.build_sdist('archive'))"
    built = run_build(tree, "-c", "import sys; sys.path.insert(0, '.')\n" + code)
    assert built.returncode == 0, built.stdout
    (archive,) = (tree / "archive").iterdir()
    with tarfile.open(archive) as opened:
        members = [member.name.partition("/")[2] for member in opened if member.isfile()]
    sources = [path for path in (tree / "syslogfast").rglob("*") if path.suffix != ".c"]
    wanted = [*sources, *(tree / "tests").rglob("*"), *(tree / ".ci").rglob("*")]
    wanted += (tree / "examples").rglob("*")
    wanted += [tree / name for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE")]
    needed = {
        path.relative_to(tree).as_posix()
        for path in wanted
        if path.is_file() and path.suffix not in (".pyc", ".so", ".c")
    }
    assert needed <= set(members)
    assert "syslogfast/_c/_encoder_c.pyx" in members
    assert not [name for name in members if name.endswith((".so", ".pyc"))]
    # Those in C that Cython has not made.
    assert {name for name in members if name.endswith(".c")} == {
        *("examples/capi/heartbeat.c", "examples/embed/program.c", "tests/embedding/capi/in_c.c"),
        "examples/microvm/guest/kernel.c",
        *("tests/hardening/schedules/hooks.c", "tests/hardening/signals/interrupt.c"),
    }
