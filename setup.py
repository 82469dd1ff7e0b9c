"""The compiled encoder; all else is in pyproject.toml.

SYSLOGFAST_PURE=1 leaves it out. Where there is no compiler it is left out, too, unless
SYSLOGFAST_REQUIRE_C=1 makes that an error.
"""

import os

from setuptools import Extension, setup

encoder = Extension(
    "syslogfast._encoder_c",
    ["syslogfast/_encoder_c.pyx"],
    extra_compile_args=[] if os.name == "nt" else ["-O2"],
    optional=not os.environ.get("SYSLOGFAST_REQUIRE_C"),
)

setup(ext_modules=[] if os.environ.get("SYSLOGFAST_PURE") else [encoder])
