"""What README shows is true: each example is run."""

import doctest
import pathlib
import re
import shlex
import subprocess
import sys
import sysconfig

import pytest

import syslogfast


def list_blocks(root: pathlib.Path, language: str) -> list[str]:
    text = (root / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_sessions(root: pathlib.Path) -> None:
    """Every Python session gives what it shows, on this backend."""
    blocks = list_blocks(root, "pycon")
    assert len(blocks) == 2
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README", None, 0)
    result = doctest.DocTestRunner().run(session)
    assert result.attempted >= 8
    assert result.failed == 0


def test_the_first_command_does_its_main_job(root: pathlib.Path) -> None:
    """Its last part, run here: one record for each line of this README."""
    command = list_blocks(root, "sh")[0].strip()
    setup, _, job = command.rpartition(" && .venv/bin/")
    assert setup == "python3 -m venv .venv && .venv/bin/pip install ."
    words = shlex.split(job)
    assert words[0] == "syslogfast"
    result = subprocess.run(
        [sys.executable, "-Im", *words], cwd=root, capture_output=True, check=True, timeout=60
    )
    lines = (root / "README.md").read_text(encoding="utf-8").splitlines()
    records = result.stdout.decode().splitlines()
    assert len(records) == len(lines)
    texts = [record.split(" ", 7)[7:] for record in records]
    assert texts == [[line] if line else [] for line in lines]


def test_the_second_command_is_the_one_that_runs_these_tests(root: pathlib.Path) -> None:
    """CI takes it from here and runs it as it stands."""
    assert list_blocks(root, "sh")[1].strip() == (
        "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/python -Im pytest"
    )


def test_the_command_with_a_collector(root: pathlib.Path) -> None:
    """The options of the third command are understood: only the collector is missing."""
    words = shlex.split(list_blocks(root, "sh")[2])
    words = [word.replace("collector:601", "collector.invalid:601") for word in words]
    words[-1] = "README.md"
    result = subprocess.run(
        [sys.executable, "-Im", *words], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert "cannot send to tcp://collector.invalid:601?framing=octet: " in result.stderr


def test_cython_example(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """It compiles against the installed package and writes what the Encoder writes."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    (source,) = list_blocks(root, "cython")
    (tmp_path / "example.pyx").write_text(source)
    site = pathlib.Path(syslogfast.__file__).parent.parent
    (tmp_path / "setup.py").write_text(
        "from Cython.Build import cythonize\nfrom setuptools import setup\n"
        f"setup(ext_modules=cythonize('example.pyx', include_path=[{str(site)!r}]))\n"
    )
    subprocess.run(
        [sys.executable, "-I", "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert (tmp_path / f"example{sysconfig.get_config_var('EXT_SUFFIX')}").exists()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import example, syslogfast\n"
        "encoder = syslogfast.Encoder(hostname='web1', app_name='shop', procid=42)\n"
        "buffer = bytearray(200)\n"
        "size = example.write_up(encoder, buffer)\n"
        "written, expected = bytes(buffer[:size]), encoder.encode(6, 'up')\n"
        "assert (written[:5], written[33:]) == (expected[:5], expected[33:]), written\n"
        "assert written.endswith(b'Z web1 shop 42 - - up')\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)
