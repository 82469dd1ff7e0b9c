"""What a program does first, in a fresh interpreter that prints what it took.

Its own clock is read, so that the interpreter's start is no part of it; and it stays until its
record has arrived, for some send it in a thread.
"""

import os
import pathlib
import socket
import subprocess
import sys
from dataclasses import dataclass

import syslogfast

FOLDER = str(pathlib.Path(syslogfast.__file__).parent.parent)

# What reads memory is done once before it counts, for it needs some itself.
CHILD = """
import posix, sys, time
folder, port, watches = sys.argv[1:]
if folder not in sys.path:
    sys.path.append(folder)
def read_memory():  # exactly: Linux sums up in pages that "statm" has only to some 250 KB
    fd = posix.open("/proc/self/smaps_rollup", posix.O_RDONLY)
    text = posix.read(fd, 4096)
    posix.close(fd)
    return [int(text.partition(key)[2].split()[0]) * 1024 for key in (b"Rss:", b"Private_Dirty:")]
opened = []
def watch(event, args):
    if event == "open" or event == "import" and args[1]:  # the latter: a compiled module
        opened.append(args)
read_memory()
present = set(sys.modules)
memory = read_memory()
if watches == "True":
    sys.addaudithook(watch)
start = time.perf_counter()
{code}
seconds = time.perf_counter() - start
files = len(opened)
memory = [after - before for after, before in zip(read_memory(), memory)]
print(seconds, *memory, files, *[name for name in sys.modules if name not in present], flush=True)
sys.stdin.read()
"""

STANDARD = """
import logging.handlers
log = logging.getLogger("up")
log.setLevel(logging.INFO)
{handler}
log.addHandler(handler)
log.info("up")
"""
OURS = """
import syslogfast
log = syslogfast.connect(f"udp://127.0.0.1:{port}")
log.info("up")
"""
HANDLER = 'handler = logging.handlers.SysLogHandler(("127.0.0.1", int(port)))'
# One record over UDP, as each is used by default.
PROGRAMS = {
    "logging.handlers": STANDARD.replace("{handler}", HANDLER),
    "syslogfast": OURS,
    "syslogfast, Python twin": OURS,
    "rfc5424-logging-handler": STANDARD.replace(
        "{handler}",
        "from rfc5424logging import Rfc5424SysLogHandler\n"
        'handler = Rfc5424SysLogHandler(("127.0.0.1", int(port)))',
    ),
    "hat-syslog": STANDARD.replace(
        "{handler}",
        "from hat.syslog.handler import SyslogHandler\n"
        'handler = SyslogHandler("127.0.0.1", int(port), "UDP")',
    ),
    "structlog + SysLogHandler": STANDARD.replace("{handler}", HANDLER).replace(
        'log.info("up")',
        "import structlog\n"
        "structlog.configure(\n"
        "    processors=[structlog.processors.KeyValueRenderer()],\n"
        "    logger_factory=structlog.stdlib.LoggerFactory(),\n"
        ")\n"
        'structlog.get_logger("up").info("up")',
    ),
    "loguru + SysLogHandler": f"""
import logging.handlers
from loguru import logger
{HANDLER}
logger.remove()
logger.add(handler, format="{{message}}")
logger.info("up")
""",
}
IMPORTS = {
    "syslogfast": "import syslogfast",
    "syslogfast.lifecycle": "import syslogfast.lifecycle",
    "syslogfast.formatter": "import syslogfast.formatter",
    "syslogfast.handlers": "import syslogfast.handlers",
    "_socket, CPython's own": "import _socket",
    "logging": "import logging",
    "logging.handlers": "import logging.handlers",
}


@dataclass
class Start:
    """What it took.

    memory: bytes that are resident; written: those of them that it has written, which are no
    other's; files: those opened, if they were watched; modules: those that were not there before;
    record: what has arrived, if anything was awaited.
    """

    seconds: float
    memory: int
    written: int
    files: int
    modules: list[str]
    record: bytes = b""


def run_fresh(
    code: str,
    site: bool,
    collector: "socket.socket | None" = None,
    in_python: bool = False,
    watches: bool = False,
    folder: str = FOLDER,
) -> Start:
    """Run it; with `collector`, until its record has arrived there.

    site: with what the interpreter imports by itself; in_python: with our Python twin; watches:
    count the files opened, which takes time; folder: where our package is.
    """
    port = str(collector.getsockname()[1]) if collector else ""
    command = [sys.executable, "-I", *([] if site else ["-S"])]
    command += ["-c", CHILD.replace("{code}", code), folder, port, str(watches)]
    environment = {**os.environ, "SYSLOGFAST_BACKEND": "python" if in_python else "c"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            record = collector.recv(1000) if collector else b""
        finally:
            output, _ = process.communicate()
    assert process.returncode == 0
    seconds, memory, written, files, *modules = output.split()
    return Start(float(seconds), int(memory), int(written), int(files), modules, record)
