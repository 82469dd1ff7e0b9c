"""The compiled encoder; all else is in pyproject.toml.

SYSLOGFAST_PURE=1 leaves it out. Where there is no compiler it is left out, too, unless
SYSLOGFAST_REQUIRE_C=1 makes that an error.
"""

import os

from setuptools import Extension, setup


def list_extensions() -> list[Extension]:
    if os.environ.get("SYSLOGFAST_PURE"):
        return []
    from Cython.Build import cythonize

    optimise = [] if os.name == "nt" else ["-O3"]
    optional = not os.environ.get("SYSLOGFAST_REQUIRE_C")
    return cythonize(
        [
            Extension(
                "syslogfast._encoder_c",
                ["syslogfast/_encoder_c.pyx"],
                extra_compile_args=optimise,
                optional=optional,
            )
        ]
    )


setup(ext_modules=list_extensions())
