"""The compiled encoder; all else is in pyproject.toml.

SYSLOGFAST_PURE=1 leaves it out. Where there is no compiler it is left out, too, unless
SYSLOGFAST_REQUIRE_C=1 makes that an error.
"""

import os
import sys

from setuptools import Extension, setup

# What makes the module a quarter smaller, and no slower. C has no exceptions to unwind for.
ALIGNED = ("functions", "jumps", "labels", "loops")
is_linux = sys.platform == "linux"
smaller = [f"-fno-align-{part}" for part in ALIGNED] if is_linux else []
smaller += ["-fno-asynchronous-unwind-tables", "-fno-unwind-tables"] if is_linux else []
# What is compiled for size stays beside what is not: a jump there is then a short one.
smaller += ["-fno-reorder-blocks-and-partition"] if is_linux else []
# What saves a twentieth more, and no time that was to be seen.
smaller += ["-fno-gcse", "-fno-tree-pre", "-fno-inline-functions"] if is_linux else []
smaller += ["-freorder-blocks-algorithm=simple"] if is_linux else []
# What it calls is looked up at once: its start calls most of it, and one by one takes longer.
at_once = ["-fno-plt"] if is_linux else []

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
    ],
    extra_compile_args=[] if os.name == "nt" else ["-O2", *smaller, *at_once],
    extra_link_args=["-Wl,-z,noseparate-code"] if is_linux else [],
    optional=not os.environ.get("SYSLOGFAST_REQUIRE_C"),
)

# Other interpreters run the twin.
is_pure = os.environ.get("SYSLOGFAST_PURE") or sys.implementation.name != "cpython"
setup(ext_modules=[] if is_pure else [encoder])
