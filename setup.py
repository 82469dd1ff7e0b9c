"""The compiled modules; all else is in pyproject.toml.

SYSLOGFAST_PURE=1 leaves it out. Where there is no compiler it is left out, too, unless
SYSLOGFAST_REQUIRE_C=1 makes that an error. SYSLOGFAST_SMALL=1 makes it smaller by a third, and
slower: without docstrings and, by gcc, without its own lines in tracebacks.

Another Cython than 3.3 ends the build, optional or not: see syslogfast/_c/cython_internals.h.

README.md is the page of a package index, too. Its links lead to files of the repository, which an
index does not have: there a link is its text alone, which is the name of the file.
"""

import os
import pathlib
import re
import subprocess
import sys
import sysconfig

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

is_linux = sys.platform == "linux"
is_small = bool(os.environ.get("SYSLOGFAST_SMALL"))
# Others, such as clang, refuse what only gcc knows.
is_gcc = is_linux and "clang" not in (os.environ.get("CC") or sysconfig.get_config_var("CC") or "")

GCC_FLAGS = [
    # A quarter smaller, and no slower. C has no exceptions to unwind for.
    *[f"-fno-align-{part}" for part in ("functions", "jumps", "labels", "loops")],
    *["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"],
    # What is compiled for size stays beside what is not: a jump there is then a short one.
    "-fno-reorder-blocks-and-partition",
    # A twentieth more, and no time that was to be seen.
    *["-fno-gcse", "-fno-tree-pre", "-fno-inline-functions", "-freorder-blocks-algorithm=simple"],
    # What it calls is looked up at once: its start calls most of it, and one by one takes longer.
    "-fno-plt",
    # Nobody calls what is in it by name, but for what the import does.
    "-fvisibility=hidden",
]
flags = list(GCC_FLAGS) if is_gcc else []
# What CFLAGS asks for is kept: setuptools writes these flags behind it.
if os.name != "nt" and (is_small or "-O" not in os.environ.get("CFLAGS", "")):
    flags.insert(0, "-Os" if is_small else "-O2")
link_flags = ["-Wl,-z,noseparate-code", *(["-s"] if is_small else [])] if is_linux else []

options = {
    "depends": [
        f"syslogfast/{name}"
        for name in (
            "syslogfast.h",
            "_c/cython_internals.h",
            "_c/datagram_socket.h",
            "_c/template_strings.h",
        )
    ],
    "include_dirs": ["syslogfast", "syslogfast/_c"],
    "define_macros": [
        ("CYTHON_USE_MODULE_STATE", "1"),  # several interpreters in a process
        ("CYTHON_USE_TYPE_SPECS", "1"),  # each with types of its own
        ("CYTHON_UNPACK_METHODS", "0"),  # these speed up what is rare here
        ("CYTHON_FAST_THREAD_STATE", "0"),
        ("CYTHON_USE_DICT_VERSIONS", "0"),
        ("CYTHON_VECTORCALL_TPNEW", "0"),
        ("CYTHON_USE_PYLONG_INTERNALS", "0"),
        ("CYTHON_COMPRESS_STRINGS", "0"),  # 1.6 KB: to unpack them takes longer than to read them
        *([("SYSLOGFAST_SMALL", "1")] if is_small else []),
    ],
    "extra_compile_args": flags,
    "extra_link_args": link_flags,
    "optional": not os.environ.get("SYSLOGFAST_REQUIRE_C"),
}
# The others are loaded with `syslogfast.loggers`, and with a lifecycle, alone.
modules = [
    Extension(f"syslogfast.{name}", [f"syslogfast/_c/{name}.pyx"], **options)
    for name in ("_encoder_c", "_lifecycle_c", "_logger_c")
]


class build_side_by_side(build_ext):  # noqa: N801, as its like
    """Translates all modules at once, then compiles them at once: half of the time on two cores."""

    def build_extensions(self) -> None:
        # What fails here, or was not tried, is done again by the class above, with its errors.
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "cython", "--module-name", module.name]
                + [f"-I{folder}" for folder in module.include_dirs]
                + module.sources,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for module in self.extensions
            if not any(os.path.exists(os.path.splitext(path)[0] + ".c") for path in module.sources)
        ]
        for process in processes:
            process.wait()
        self.parallel = self.parallel or len(self.extensions)
        super().build_extensions()


def check_cython() -> None:
    """End the build if Cython is not one whose internals cython_internals.h knows.

    Its #error alone would not do: where the extension is optional, whatever the compiler refuses
    is left out, and all that would be seen of it is a fallback that is 13 times slower.
    """
    try:
        from Cython import __version__ as version
    except ImportError:
        return  # as where there is no compiler
    if version.split(".")[:2] != ["3", "3"]:
        sys.exit(
            f"syslogfast: Cython must be 3.3.x, got {version}: install 'cython>=3.3,<3.4' (pip "
            "does so itself, without --no-build-isolation), set SYSLOGFAST_PURE=1 to build without "
            "the compiled encoder, or see syslogfast/_c/cython_internals.h for what to check of "
            "another Cython"
        )


def read_page() -> str:
    """Return README.md without links to files; those to elsewhere stay."""
    text = (pathlib.Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]+\)", r"\1", text)


# Other interpreters run the twin.
is_pure = os.environ.get("SYSLOGFAST_PURE") or sys.implementation.name != "cpython"
if not is_pure:
    check_cython()
# Windows runs no script that has no .exe, which pip makes of an entry point.
if sys.platform == "win32":
    command = {"entry_points": {"console_scripts": ["syslogfast = syslogfast.cli:run"]}}
else:
    command = {"scripts": ["syslogfast/commands/bin/syslogfast"]}
setup(
    ext_modules=[] if is_pure else modules,
    cmdclass={"build_ext": build_side_by_side},
    long_description=read_page(),
    long_description_content_type="text/markdown",
    **command,
)
