"""No byte is read before it is written, or after it is freed; none goes to the kernel unwritten.

valgrind watches each public call, and the encoder while it replays the vectors.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import tempfile

import builds
from installed import run_in_build
from report import run_job

run_in_build()

import receiving  # noqa: E402

FOLDER = pathlib.Path(__file__).with_suffix("")
VECTORS = builds.ROOT / "tests/encoder/vectors"
REPLAY = (
    f"import sys; sys.path.insert(0, {str(VECTORS)!r}); import replay; replay.main(sys.argv[1])"
)
SUPPRESSIONS = "/usr/lib/valgrind/python3.supp"  # of CPython itself, by Debian
OURS = ("_encoder_c", "_lifecycle_c", "_logger_c")
VALGRIND = (
    *("valgrind", "--quiet", "--leak-check=no", "--num-callers=30", "--undef-value-errors=yes"),
    *(f"--suppressions={SUPPRESSIONS}", "--track-origins=yes"),
)
BOUND = 1200.0  # seconds for one program, at most
SHORT, LONG = 60.0, 600.0


def split_reports(text: str) -> list[str]:
    """Return the reports of valgrind that have a frame of the package's."""
    lines = re.sub(r"^==\d+== ?", "", text, flags=re.MULTILINE)
    return [
        report
        for report in re.split(r"\n\s*\n", lines)
        if "   at 0x" in report and any(f"{name}." in report for name in OURS)
    ]


def watch(name: str, arguments: list[str], python: pathlib.Path, folder: pathlib.Path) -> str:
    """Run Python under valgrind, and return what it prints."""
    log = folder / f"{name.replace(' ', '-')}.log"
    command = [*VALGRIND, f"--log-file={log}.%p", str(python), "-I", *arguments]
    result = subprocess.run(
        command,
        env=os.environ | {"PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
        timeout=BOUND,
    )
    reports = [
        report
        for each in folder.glob(f"{log.name}.*")
        for report in split_reports(each.read_text())
    ]
    assert not reports, f"{name}: {len(reports)} reports\n{reports[0]}"
    assert result.returncode == 0, f"{name}: {result.returncode}\n{result.stderr[-3000:]}"
    return result.stdout.strip()


def watch_calls(transport: str, python: pathlib.Path) -> int:
    with tempfile.TemporaryDirectory() as folder_name:
        folder = pathlib.Path(folder_name)
        with (
            receiving.receive(transport, folder) as receiver,
            receiving.receive("udp", folder) as scratch,
        ):
            arguments = [str(FOLDER / "calls.py"), receiver.url, scratch.url]
            return int(watch(f"calls of {transport}", arguments, python, folder))


def watch_vectors(python: pathlib.Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-c", REPLAY, str(VECTORS / "vectors.jsonl")]
        said = watch("vectors", arguments, python, pathlib.Path(folder))
    return int(re.search(r"(\d+) cases, 0 differ", said)[1])  # type: ignore[index]


def job(seconds: float) -> dict[str, object]:
    python = builds.build("memcheck", environ={"CFLAGS": "-O1 -g"})
    transports = receiving.TRANSPORTS if seconds > LONG / 2 else receiving.TRANSPORTS[:1]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        vectors = pool.submit(watch_vectors, python)
        calls = {each: pool.submit(watch_calls, each, python) for each in transports}
        figures = {f"cases of {name}": future.result() for name, future in calls.items()}
        return {**figures, "vectors": vectors.result()}


if __name__ == "__main__":
    run_job(job, short=SHORT, long=LONG)
