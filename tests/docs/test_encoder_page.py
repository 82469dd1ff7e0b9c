"""What docs/encoder.md shows is true: records, buffers, and a module in Cython."""

import os
import pathlib
import re
import subprocess
import sys
import sysconfig

import pytest
from support.page_sections import DOCS, Page, Section, Stage, check_session, read_sections

import syslogfast

PAGE = Page("encoder.md")
PAGE.check("Records")(check_session)

BUILD = """
from Cython.Build import cythonize
from setuptools import setup
setup(ext_modules=cythonize("example.pyx", include_path=[{!r}]))
"""
USE = """
import example, syslogfast
encoder = syslogfast.Encoder(hostname="web1", app_name="shop", procid=42)
buffer = bytearray(200)
size = example.write_up(encoder, buffer)
print(buffer[:size].decode())
assert example.write_up(encoder, bytearray(size - 1)) == size
"""


@PAGE.check("From Cython")
def check_module(section: Section, stage: Stage) -> None:
    """The module compiles against the installed package, and writes what the Encoder writes."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    site = str(pathlib.Path(syslogfast.__file__).parent.parent)
    stage.write("example.pyx", section.take("cython"))
    stage.write("setup.py", BUILD.format(site))
    subprocess.run(
        [sys.executable, "-I", "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=stage.folder,
        env={**os.environ, "CFLAGS": "-O0 -g0"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert (stage.folder / f"example{sysconfig.get_config_var('EXT_SUFFIX')}").exists()
    (record,) = stage.run_quiet(USE).out.decode().splitlines()
    assert re.fullmatch(r"<14>1 \S+Z web1 shop 42 - - up", record)


@pytest.mark.slow
@pytest.mark.parametrize("heading", PAGE.list_headings())
def test_section(heading: str, tmp_path: pathlib.Path) -> None:
    PAGE.run(heading, tmp_path)


def test_each_variable_is_one(root: pathlib.Path) -> None:
    """Those that the build reads, and the one that the import reads, stand in the table."""
    rows = read_sections(DOCS / "encoder.md")["Compiled or not"].list_rows()
    shown = {name for row in rows for name in re.findall(r"SYSLOGFAST_\w+", row[0])}
    build = (root / "setup.py").read_text(encoding="utf-8")
    assert shown == {
        *re.findall(r'environ\.get\("(SYSLOGFAST_\w+)"', build),
        "SYSLOGFAST_BACKEND",
    }
