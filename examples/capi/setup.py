"""The header is in the folder where syslogfast is installed."""

from setuptools import Extension, setup

import syslogfast

heartbeat = Extension(
    "heartbeat",
    ["heartbeat.c"],
    include_dirs=list(syslogfast.__path__),
    extra_compile_args=["-pthread"],
    extra_link_args=["-pthread"],
)

setup(name="heartbeat", ext_modules=[heartbeat])
