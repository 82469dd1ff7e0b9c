"""The parts that a microVM is made of: qemu, a Linux kernel, and syslogfast for Debian's Python."""

import fcntl
import hashlib
import os
import pathlib
import platform
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = pathlib.Path(__file__).resolve().parent / "guest"
QEMU = "qemu-system-x86_64"
PYTHON = "/usr/bin/python3"
KERNEL = "linux-image-cloud-amd64"  # a package that depends on that of the newest such kernel
PACKAGES = ("qemu-system-x86", "gcc", "libc6-dev", "python3-venv", "python3-dev")
APT = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root"]


class MissingError(Exception):
    """A part that this machine has not; the text says how to get it."""


def find_directory(given: str | None) -> pathlib.Path:
    """Return the directory of the parts: the one given, or SYSLOGFAST_MICROVM's, or a cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    default = os.path.join(cache, "syslogfast-microvm")
    return pathlib.Path(given or os.environ.get("SYSLOGFAST_MICROVM") or default).resolve()


def run(*command: "str | pathlib.Path", **options: object) -> str:
    """Return what a command writes; MissingError with its last words if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if result.returncode:
        words = " ".join(map(str, command[:4]))
        raise MissingError(f"{words} ... has failed:\n{(result.stderr or result.stdout)[-2000:]}")
    return str(result.stdout)


def is_installed(package: str) -> bool:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True).stdout == b"installed"


class Parts:
    """What `prepare` has put into a directory, and what is made of it there."""

    def __init__(self, directory: pathlib.Path) -> None:
        if platform.machine() != "x86_64":
            raise MissingError(f"the microVM is made for x86_64, not {platform.machine()}")
        self.directory = directory
        self.linux = directory / "linux"

    def prepare(self) -> None:
        """Install and download what is missing, and build the rest; say what is done."""
        if shutil.which("apt-get") is None:
            raise MissingError("prepare needs Debian's apt-get")
        self.directory.mkdir(parents=True, exist_ok=True)
        packages = [package for package in PACKAGES if not is_installed(package)]
        if packages and os.geteuid() != 0:
            raise MissingError(f"root has to do this first: apt-get install {' '.join(packages)}")
        if os.geteuid() == 0 and (packages or not self.linux.exists()):
            self._say("reading the lists of packages")
            run(*APT, "update")
        if packages:
            self._say(f"installing {' '.join(packages)}")
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            run(*APT, "install", "-y", "--no-install-recommends", *packages, env=environment)
        if not self.linux.exists():
            self._unpack_kernel()
        self.build_python()
        self._say(f"all is in {self.directory}")

    def _unpack_kernel(self) -> None:
        depends = run("apt-cache", "depends", KERNEL).split()
        package = next(word for word in depends if word.startswith("linux-image-6"))
        self._say(f"downloading and unpacking {package}")
        work = self.directory / "linux.part"  # half of it is not taken for the whole
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        run(*APT, "download", package, cwd=work)
        (archive,) = work.glob("*.deb")
        run("dpkg-deb", "-x", archive, work / "tree")
        (work / "tree").rename(self.linux)
        shutil.rmtree(work)

    def find_qemu(self) -> str:
        qemu = shutil.which(QEMU)
        if qemu is None:
            raise MissingError(f"{QEMU} is missing: it is in Debian's package qemu-system-x86")
        return qemu

    def find_kernel(self) -> pathlib.Path:
        """Return the kernel, beside whose version its drivers are found."""
        kernels = sorted(self.linux.glob("boot/vmlinuz-*"))
        if not kernels:
            raise MissingError(
                f"{self.linux} has no kernel: `{sys.argv[0]} prepare` downloads {KERNEL}"
            )
        return kernels[-1]

    def find_drivers(self) -> pathlib.Path:
        version = self.find_kernel().name.partition("-")[2]
        return self.linux / "lib/modules" / version / "kernel"

    def build_python(self) -> pathlib.Path:
        """Return a venv of Debian's Python with this syslogfast, compiled, and kernel.so."""
        venv = self.directory / "python"
        with open(self.directory / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several may boot machines at the same time
            stamp, digest = venv / "digest", digest_sources()
            if not stamp.exists() or stamp.read_text() != digest:
                stamp.unlink(missing_ok=True)
                self._build_into(venv)
                stamp.write_text(digest)
        return venv

    def _build_into(self, venv: pathlib.Path) -> None:
        headers = run(PYTHON, "-c", "import sysconfig; print(sysconfig.get_paths()['include'])")
        if not pathlib.Path(headers.strip(), "Python.h").exists():
            raise MissingError("Python.h is missing: it is in Debian's package python3-dev")
        self._say("building syslogfast for the guest's Python")
        if not (venv / "bin/pip").exists():
            run(PYTHON, "-m", "venv", venv)
        source = self.directory / "source"  # a copy: what is built leaves traces
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        unwanted = shutil.ignore_patterns("__pycache__", "*.so", "*.c")
        shutil.copytree(ROOT / "syslogfast", source / "syslogfast", ignore=unwanted)
        environment = {**os.environ, "SYSLOGFAST_REQUIRE_C": "1", "CFLAGS": "-g0"}
        quietly = ("-q", "--disable-pip-version-check", "--no-deps", "--force-reinstall")
        run(venv / "bin/pip", "install", *quietly, source, env=environment)
        shutil.rmtree(source)
        compiler = ("gcc", "-O2", "-shared", "-fPIC", "-s", f"-I{headers.strip()}")
        run(*compiler, "-o", venv / "kernel.so", GUEST / "kernel.c")

    def _say(self, text: str) -> None:
        print(f"microvm: {text}", file=sys.stderr, flush=True)


def digest_sources() -> str:
    """Return what changes when what is built for the guest has to be built anew."""
    kinds = (".py", ".pyx", ".pxd", ".pxi", ".h")
    package = [file for file in (ROOT / "syslogfast").rglob("*") if file.suffix in kinds]
    others = [ROOT / "setup.py", ROOT / "pyproject.toml", GUEST / "kernel.c"]
    digest = hashlib.sha256()
    for file in [*sorted(package), *others]:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
