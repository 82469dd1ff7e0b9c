"""The compiled encoder; all else is in pyproject.toml.

SYSLOGFAST_PURE=1 leaves it out. Where there is no compiler it is left out, too, unless
SYSLOGFAST_REQUIRE_C=1 makes that an error. SYSLOGFAST_SMALL=1 makes it smaller by a third, and
slower: without docstrings, and without its own lines in tracebacks.
"""

import os
import sys
import sysconfig

from setuptools import Extension, setup

# What makes the module a quarter smaller, and no slower. C has no exceptions to unwind for.
ALIGNED = ("functions", "jumps", "labels", "loops")
is_linux = sys.platform == "linux"
# Others, such as clang, refuse what only gcc knows.
is_gcc = is_linux and "clang" not in (os.environ.get("CC") or sysconfig.get_config_var("CC") or "")
smaller = [f"-fno-align-{part}" for part in ALIGNED] if is_gcc else []
smaller += ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"] if is_gcc else []
# What is compiled for size stays beside what is not: a jump there is then a short one.
smaller += ["-fno-reorder-blocks-and-partition"] if is_gcc else []
# What saves a twentieth more, and no time that was to be seen.
smaller += ["-fno-gcse", "-fno-tree-pre", "-fno-inline-functions"] if is_gcc else []
smaller += ["-freorder-blocks-algorithm=simple"] if is_gcc else []
# What it calls is looked up at once: its start calls most of it, and one by one takes longer.
at_once = ["-fno-plt"] if is_gcc else []
# Nobody calls what is in it by name, but for what the import does.
at_once += ["-fvisibility=hidden"] if is_gcc else []

is_small = bool(os.environ.get("SYSLOGFAST_SMALL"))
level = "-Os" if is_small else "-O2"

encoder = Extension(
    "syslogfast._encoder_c",
    ["syslogfast/_encoder_c.pyx"],
    depends=["syslogfast/syslogfast.h"],
    define_macros=[
        ("CYTHON_USE_MODULE_STATE", "1"),  # several interpreters in a process
        ("CYTHON_UNPACK_METHODS", "0"),  # these speed up what is rare here
        ("CYTHON_FAST_THREAD_STATE", "0"),
        ("CYTHON_USE_DICT_VERSIONS", "0"),
        ("CYTHON_VECTORCALL_TPNEW", "0"),
        ("CYTHON_USE_PYLONG_INTERNALS", "0"),
        ("CYTHON_COMPRESS_STRINGS", "0"),  # 1.6 KB: to unpack them takes longer than to read them
        *([("SYSLOGFAST_SMALL", "1")] if is_small else []),
    ],
    extra_compile_args=[] if os.name == "nt" else [level, *smaller, *at_once],
    extra_link_args=["-Wl,-z,noseparate-code", *(["-s"] if is_small else [])] if is_linux else [],
    optional=not os.environ.get("SYSLOGFAST_REQUIRE_C"),
)

# Other interpreters run the twin.
is_pure = os.environ.get("SYSLOGFAST_PURE") or sys.implementation.name != "cpython"
setup(ext_modules=[] if is_pure else [encoder])
