"""Loggers that write lines to a file: a small adapter each, and a process of its own.

That is what those packages have in common which send no syslog, or to /dev/log only. Each is set up
as its documentation advises, with a line as near to RFC 5424's as it can have, but for PRI. Some
start threads as they are imported, which nothing stops: so each has a process.
"""

import gc
import json
import logging
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar

from adapters.adapter import APP_NAME, DATA, HOSTNAME
from measure import strict
from measure.log_calls import LOG_CALLS, TEMPLATE
from measure.record import MESSAGE

import syslogfast
import syslogfast.loggers

PLAIN, ARGUMENTS, STRUCTURED = CONTENTS = list(LOG_CALLS)[:3]
TIMEOUT = 10  # seconds to end in
FOLDER = str(pathlib.Path(__file__).parent.parent)
CODE = f"""
import sys
sys.path.insert(0, {FOLDER!r})
from adapters.line_loggers import serve
serve(*sys.argv[1:])
"""
# As RFC 5424's, without PRI; no format has the severity, so MSGID is the level.
FORMAT = f"1 %(asctime)s{{}} {HOSTNAME} %(name)s %(process)d %(levelname)s - %(message)s"
DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"
HEADER = rf"1 (?P<time>\S+) {HOSTNAME} {APP_NAME} (?P<procid>\d+) INFO - (?P<text>.*)"


class LineLogger:
    """A logger that writes lines to a file.

    name: of its row. module: what is imported of it; without that, its row is left out.
    wrong, remark: what a reader has to know.
    statements: a call, by what it logs; template: of a message with three arguments.
    line: a regular expression of what it writes, with time, text and, if it says it, procid.
    """

    name: str
    module: "str | None" = None
    why_missing = "it is not installed"
    wrong = ""
    remark = ""
    statements: ClassVar[dict[str, str]] = {
        content: LOG_CALLS[content].statement for content in (PLAIN, ARGUMENTS)
    }
    template = TEMPLATE
    line = HEADER

    @contextmanager
    def open(self, path: str, content: str) -> Iterator[object]:
        """Give a logger that writes to that file, or to one whose name begins like it."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait until all is written."""

    def check(self, line: str, content: str, pid: int) -> None:
        """Refuse a line that lacks something of a call that was just made."""
        found = re.fullmatch(self.line, line)
        assert found, line
        self.check_time(found["time"])
        assert found.groupdict().get("procid", str(pid)) == str(pid), line
        assert found["text"] == LOG_CALLS[content].text, line

    def check_time(self, text: str) -> None:
        """Refuse a time that is not about now; without a zone it is local."""
        assert abs(datetime.fromisoformat(text).timestamp() - time.time()) < TIMEOUT, text


class OurInstalled(LineLogger):
    """It writes RFC 5424's records, with PRI, to a descriptor."""

    name = "after install()"
    statements: ClassVar[dict[str, str]] = {
        content: LOG_CALLS[content].statement for content in CONTENTS
    }

    @contextmanager
    def open(self, path: str, content: str) -> Iterator[logging.Logger]:
        syslogfast.loggers.install()
        with open(path, "wb") as file:
            self.handler = syslogfast.SysLogHandler(
                f"fd://{file.fileno()}", hostname=HOSTNAME, app_name=APP_NAME, on_failure=False
            )
            logger = syslogfast.Logger("shop", logging.INFO)
            logger.addHandler(self.handler)
            yield logger
            self.handler.close()

    def settle(self) -> None:
        # Calls of `flush` that follow each other soon share one `timeout`.
        while self.handler.stats["queued"]:
            self.handler.flush()

    def check(self, line: str, content: str, pid: int) -> None:
        call = LOG_CALLS[content]
        expected = strict.expect_now(call.text or "", procid=str(pid), **call.fields)
        strict.check(line.encode(), expected)


class StandardLines(LineLogger):
    name = "standard library"
    remark = "flushes each line"

    def load(self) -> Any:
        """Return the module, or another of the same interface."""
        return logging

    def make_formatter(self) -> Any:
        formatter = logging.Formatter(FORMAT.format(".%(msecs)03dZ"), DATE_FORMAT)
        formatter.converter = time.gmtime
        return formatter

    @contextmanager
    def open(self, path: str, content: str) -> Iterator[object]:
        module = self.load()
        handler = module.FileHandler(path)
        handler.setFormatter(self.make_formatter())
        logger = module.Logger(APP_NAME, module.INFO)
        logger.addHandler(handler)
        yield logger
        handler.close()


class PicologgingLines(StandardLines):
    name = "picologging"
    module = "picologging"
    why_missing = "it is not installed: it has no wheel for CPython 3.13 and later"
    wrong = "no time zone"

    def load(self) -> Any:
        import picologging

        return picologging

    def make_formatter(self) -> Any:
        return self.load().Formatter(FORMAT.format(""), DATE_FORMAT)


class Bqlog(LineLogger):
    """Its lines are of one form; its buffer has space for all calls of a round."""

    name = "bqlog"
    module = "bq.log"
    wrong = "no host, no program"
    remark = "formats and writes in a thread"
    statements: ClassVar[dict[str, str]] = {
        PLAIN: "logger.info(message)",
        ARGUMENTS: "logger.info(template, 'alice', 17, 19.99)",
    }
    template = "user {} bought {} for {:.2f}"
    line = r"UTC0 (?P<time>.{10} .{12})\[tid-\d+ [^]]*\]\t\[I\]\t(?P<text>.*)"

    @contextmanager
    def open(self, path: str, content: str) -> Iterator[object]:
        from bq.log import log

        options = {
            "appenders_config.lines.type": "text_file",
            "appenders_config.lines.levels": "[info,warning,error,fatal]",
            "appenders_config.lines.time_zone": "gmt",
            "appenders_config.lines.file_name": path,
            "log.buffer_size": 1 << 20,
        }
        self.log = log.create_log(APP_NAME, "\n".join(f"{k}={v}" for k, v in options.items()))
        assert self.log.is_valid()
        yield self.log

    def settle(self) -> None:
        self.log.force_flush()

    def check_time(self, text: str) -> None:
        super().check_time(f"{text}+00:00")


class Pyfastlogging(LineLogger):
    """Its writer of syslog knows /dev/log only.

    `sync_all` leaves the last 8 KB in a buffer, until it is shut down; that much is not waited for.
    """

    name = "pyfastlogging"
    module = "pyfastlogging"
    why_missing = "it is not installed: it has no wheel for CPython 3.15 and later"
    wrong = "a header of its own, in whole seconds"
    remark = "takes no arguments; writes in a thread"
    statements: ClassVar[dict[str, str]] = {
        PLAIN: "logger.info(message)",
        ARGUMENTS: "logger.info(template % ('alice', 17, 19.99))",
    }
    line = (
        r"(?P<time>\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d) \S+ \S+\[(?P<procid>\d+)\]"
        rf" {APP_NAME}: I (?P<text>.*)"
    )

    @contextmanager
    def open(self, path: str, content: str) -> Iterator[object]:
        import pyfastlogging
        from pyfastlogging import INFO

        names = {"hostname": True, "pname": True, "pid": True, "tname": False, "tid": False}
        header = pyfastlogging.ExtConfig(pyfastlogging.MessageStructEnum.String, **names)
        writer = pyfastlogging.FileWriterConfig(INFO, path)
        self.logging = pyfastlogging.Logging(INFO, APP_NAME, [writer], ext_config=header)
        yield self.logging
        self.logging.shutdown()

    def settle(self) -> None:
        self.logging.sync_all(TIMEOUT)

    def check_time(self, text: str) -> None:
        super().check_time(text.replace(".", "-"))


class Logust(LineLogger):
    """It knows the process by "MainProcess:4711". JSON is its only form that has all of `extra`."""

    name = "logust"
    module = "logust"
    wrong = "no time zone; structured data as JSON, without a header"
    statements: ClassVar[dict[str, str]] = {
        PLAIN: "logger.info(message)",
        ARGUMENTS: "logger.info(template, name='alice', count=17, price=19.99)",
        STRUCTURED: "logger.info(message, **data)",
    }
    template = "user {name} bought {count} for {price:.2f}"
    line = HEADER.replace(r"\S+", r"\S+ \S+").replace(r"(?P<procid>", r"MainProcess:(?P<procid>")

    @contextmanager
    def open(self, path: str, content: str) -> Iterator[object]:
        from logust import logger

        logger.remove()
        header = f"1 {{time}} {HOSTNAME} {APP_NAME} {{process}} {{level}} - {{message}}"
        options = {"serialize": True} if content == STRUCTURED else {"format": header}
        logger.add(path, level="INFO", **options)
        self.logger = logger
        yield logger
        logger.remove()

    def settle(self) -> None:
        self.logger.complete()

    def check(self, line: str, content: str, pid: int) -> None:
        if content != STRUCTURED:
            super().check(line, content, pid)
            return
        fields = json.loads(line)
        self.check_time(fields["time"])
        seen = (fields["level"], fields["message"], fields["extra"])
        assert seen == ("INFO", MESSAGE, DATA), line


LINE_LOGGERS = [OurInstalled, StandardLines, PicologgingLines, Bqlog, Pyfastlogging, Logust]


# --- in a process of its own ---------------------------------------------------------------------


def serve(name: str, content: str, path: str) -> None:
    """Make calls of a logger, and say how many seconds each round took its thread, and all."""
    adapter = next(kind for kind in LINE_LOGGERS if kind.name == name)()
    with adapter.open(path, content) as logger:
        names = {**LOG_CALLS[content].names, "data": DATA, "logger": logger, "message": MESSAGE}
        names["template"] = adapter.template
        statement = adapter.statements[content]
        timer = timeit.Timer(statement, timer=time.thread_time, globals=names)
        gc.disable()
        for line in sys.stdin:
            start = time.process_time()
            own = timer.timeit(int(line))
            adapter.settle()
            print(own, time.process_time() - start, flush=True)


class LineProcess:
    """The process of a logger.

    calls: how many it has made; own: how many seconds each round of them took its thread.
    """

    def __init__(self, adapter: LineLogger, content: str, directory: str) -> None:
        self.directory = pathlib.Path(directory)
        self.calls = 0
        self.own: list[float] = []
        self.process = subprocess.Popen(
            [sys.executable, "-Ic", CODE, adapter.name, content, f"{directory}/lines"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=directory,
        )

    def run(self, calls: int) -> float:
        """Make so many calls; return how many seconds they took all threads."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(calls, file=self.process.stdin, flush=True)
        own, seconds = map(float, self.process.stdout.readline().split())
        self.calls += calls
        self.own.append(own)
        return seconds

    def end(self) -> list[str]:
        """Let it end; return the lines that it has written."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(TIMEOUT) == 0
        files = sorted(self.directory.glob("lines*"))  # some add a date, and files that are empty
        return "".join(file.read_text() for file in files).splitlines()


@contextmanager
def run_process(adapter: LineLogger, content: str) -> Iterator[LineProcess]:
    """Run the process of a logger; what it writes is counted at the end."""
    with tempfile.TemporaryDirectory() as directory:
        process = LineProcess(adapter, content, directory)
        with process.process:
            try:
                process.run(1)  # it has imported all that it needs
                yield process
                lines = process.end()
                assert len(lines) == process.calls, (adapter.name, len(lines), process.calls)
            finally:
                process.process.kill()


def check_line(adapter: LineLogger, content: str) -> None:
    """Look at the line that one call writes."""
    with run_process(adapter, content) as process:
        (line,) = process.end()
        adapter.check(line, content, process.process.pid)
