"""A real PostgreSQL for the tests: private, on loopback, its files gone with it."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from support.receivers import find_free_port

PLACE = pathlib.Path("/usr/lib/postgresql")  # Debian's, by version
LIMIT = 30.0  # seconds to start or to end


class Postgresql:
    """One server; whoever connects by TCP on loopback is who it says it is."""

    def __init__(self) -> None:
        self.programs = self.find_programs()
        assert self.programs is not None
        # Not below the folders of the tests, which only their own user may enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postgresql."))
        self.port = find_free_port()
        # It refuses to be root's.
        self.prefix = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            os.chown(self.folder, 65534, 65534)
            self.prefix += ["--reuid", "65534", "--regid", "65534", "--clear-groups"]
        data = str(self.folder / "data")
        options = ("-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale")
        self.run("initdb", "-D", data, *options)
        self.start()

    @staticmethod
    def find_programs() -> "pathlib.Path | None":
        found = sorted(PLACE.glob("*/bin/postgres"))
        return found[-1].parent if found else None

    @classmethod
    def find_missing(cls) -> "str | None":
        """Say what this machine has not, as a reason to skip a test."""
        if cls.find_programs() is None or shutil.which("psql") is None:
            return "PostgreSQL is not on this machine"
        if not any(pathlib.Path("/usr/lib").glob("*/rsyslog/ompgsql.so")):
            return "Debian's rsyslog-pgsql is not on this machine"
        return None

    def command(self, program: str, *arguments: str) -> list[str]:
        assert self.programs is not None
        return [*self.prefix, "--", str(self.programs / program), *arguments]

    def run(self, program: str, *arguments: str) -> None:
        command = self.command(program, *arguments)
        subprocess.run(command, cwd="/", check=True, capture_output=True, timeout=LIMIT)

    def start(self) -> None:
        """Start it, at first or after a kill; return when it answers."""
        place = ("-h", "127.0.0.1", "-p", str(self.port))
        arguments = ("-D", str(self.folder / "data"), "-k", str(self.folder), *place)
        self.process = subprocess.Popen(
            self.command("postgres", *arguments), cwd="/", stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + LIMIT
        assert self.programs is not None
        ask = [str(self.programs / "pg_isready"), "-q", *place]
        while subprocess.run(ask, timeout=LIMIT).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL did not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash does; its other processes notice that, and end."""
        self.process.kill()
        self.process.wait(LIMIT)

    def query(self, text: str, database: str = "postgres") -> list[list[str]]:
        """Run statements; return the rows, as texts."""
        command = ["psql", "-AtqX", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database]
        result = subprocess.run(
            [*command, "-f", "-"], input=text, capture_output=True, text=True, timeout=LIMIT
        )
        assert result.returncode == 0, result.stderr
        return [line.split("\t") for line in result.stdout.splitlines()]

    def close(self) -> None:
        self.process.send_signal(signal.SIGQUIT)  # at once
        self.process.wait(LIMIT)
        shutil.rmtree(self.folder)
