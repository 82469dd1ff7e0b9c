"""What README shows is true: each example is run."""

import os
import pathlib
import re
import shlex
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable

import pytest
from support.code_blocks import list_blocks
from support.grammar import parse_rfc5424

import syslogfast

Run = Callable[..., "subprocess.CompletedProcess[str]"]


RUN_SESSION = """
import doctest, sys
session = doctest.DocTestParser().get_doctest(sys.argv[1], {}, "README", None, 0)
result = doctest.DocTestRunner().run(session)
print(result.attempted, result.failed)
"""


def test_sessions(root: pathlib.Path, backend: str, run_python: Run) -> None:
    """Every Python session gives what it shows."""
    blocks = list_blocks(root / "README.md", "pycon")
    assert len(blocks) == 4
    session = "\n".join(blocks)
    result = run_python(RUN_SESSION, session, backend=backend)
    assert result.stdout.endswith(f"{session.count('>>> ')} 0\n"), result.stdout
    # What the emitter writes goes to descriptor 1, past doctest.
    records = [parse_rfc5424(line.encode()) for line in result.stdout.splitlines()[:-1]]
    assert [(record.priority, record.hostname, record.message) for record in records] == [
        (133, "web1", "booted and awake"),
        (134, "web1", "3 sold"),
        (134, "web1", "sold"),
        (132, "vm-7", "the drawer is open"),
    ]


def test_in_a_unikernel(
    root: pathlib.Path, backend: str, run_python: Run, receiver: socket.socket
) -> None:
    """The lines send what the text says, up to the crash that comes after them."""
    (program,) = list_blocks(root / "README.md", "python")
    place = f"127.0.0.1:{receiver.getsockname()[1]}"
    assert program.count("192.0.2.1:514") == 1
    program = program.replace("192.0.2.1:514", place) + "log.info('sold')\nraise ValueError\n"
    assert run_python(program, backend=backend).returncode == 1
    records = [parse_rfc5424(receiver.recv(65536)) for _ in range(5)]
    ids = [dict(record.structured_data)["meta"][0] for record in records]
    assert ids == [("sequenceId", str(number)) for number in range(1, 6)]
    sent = [record.msgid for record in records if not record.msgid.startswith("NETWORK-")]
    assert sent == ["BOOTED", "-", "CRASHED", "ENDED"]


def test_the_first_command_does_its_main_job(root: pathlib.Path) -> None:
    """Its last part, run here: one record for each line of this README."""
    command = list_blocks(root / "README.md", "sh")[0].strip()
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
    assert list_blocks(root / "README.md", "sh")[1].strip() == (
        "python3 -m venv .venv && .venv/bin/pip install '.[test]' && "
        ".venv/bin/python -Im pytest -n auto"
    )


def test_the_command_with_a_collector(root: pathlib.Path) -> None:
    """The options of the third command are understood: only the collector is missing."""
    words = shlex.split(list_blocks(root / "README.md", "sh")[3])
    words = [word.replace("collector:601", "collector.invalid:601") for word in words]
    words[-1] = "README.md"
    result = subprocess.run(
        [sys.executable, "-Im", *words], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 1
    assert "cannot send to tcp://collector.invalid:601?framing=octet: " in result.stderr


def test_the_command_that_listens(root: pathlib.Path) -> None:
    """It listens where the text says, or says that somebody else does, until it is told to end."""
    words = shlex.split(list_blocks(root / "README.md", "sh")[4])
    process = subprocess.Popen([sys.executable, "-Im", *words], stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.terminate()
        rest = process.stderr.read()
    if process.returncode:
        assert "cannot listen on udp://127.0.0.1:5514: Address already in use" in said
    else:
        assert said == "listening on udp://127.0.0.1:5514\n"
        assert rest == "listening on tcp://127.0.0.1:5514\n0 records, 0 malformed\n"


@pytest.mark.slow
def test_the_command_that_demonstrates(root: pathlib.Path) -> None:
    """Its last line is as the text shows it, but for the speed."""
    words = shlex.split(list_blocks(root / "README.md", "sh")[5])
    result = subprocess.run(
        [sys.executable, "-Im", *words], capture_output=True, text=True, check=True, timeout=60
    )
    last = result.stdout.splitlines()[-1]
    (shown,) = re.findall(r"`(offered \d.*)`", (root / "README.md").read_text(encoding="utf-8"))
    assert re.sub(r"[\d,.]+ ", "N ", last) == re.sub(r"[\d,.]+ ", "N ", shown)
    assert last.startswith("offered 100000 received 100000 lost 0; ")


@pytest.mark.slow
def test_cython_example(root: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """It compiles against the installed package and writes what the Encoder writes."""
    if syslogfast.BACKEND != "c":
        pytest.skip("the compiled encoder is not built")
    (source,) = list_blocks(root / "README.md", "cython")
    (tmp_path / "example.pyx").write_text(source)
    site = pathlib.Path(syslogfast.__file__).parent.parent
    (tmp_path / "setup.py").write_text(
        "from Cython.Build import cythonize\nfrom setuptools import setup\n"
        f"setup(ext_modules=cythonize('example.pyx', include_path=[{str(site)!r}]))\n"
    )
    subprocess.run(
        [sys.executable, "-I", "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=tmp_path,
        env={**os.environ, "CFLAGS": "-O0 -g0"},
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
