"""CPythons without the GIL, built from Debian's sources."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import builds

# The newest whose source is to be had: the archive may lack one that its index has.
VERSIONS = ("3.14", "3.13")
SUITES = ("testing", "sid")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What takes long to compile, or needs more packages, and is not used here.
LEFT_OUT = (
    *("_bz2", "_codecs_cn", "_codecs_hk", "_codecs_iso2022", "_codecs_jp", "_codecs_kr"),
    *("_codecs_tw", "_ctypes", "_curses", "_curses_panel", "_dbm", "_decimal", "_elementtree"),
    *("_gdbm", "_hashlib", "_lzma", "_multibytecodec", "_sqlite3", "_ssl", "_tkinter", "_uuid"),
    *("_zstd", "readline"),
)
CONFIGURE = ("--disable-gil", "--disable-test-modules", "--without-ensurepip", "-q")


class UnavailableError(Exception):
    """There is no such Python to be had now; it says why."""


def fetch_source(folder: Path) -> Path:
    """Return the archive of the newest source, which apt-get has fetched."""
    mirror = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True
    ).stdout.split("\n")[0]
    if not mirror:
        raise UnavailableError("apt-get has no mirror")
    (folder / "lists/partial").mkdir(parents=True)
    sources = folder / "sources.list"
    configuration = folder / "apt.conf"
    configuration.write_text(
        f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "-";\n'
        f'Dir::State::lists "{folder}/lists";\nDir::Cache::pkgcache "";\n'
        'Dir::Cache::srcpkgcache "";\nAPT::Sandbox::User "root";\n'
    )
    environ = os.environ | {"APT_CONFIG": str(configuration)}
    said = ""
    for suite in SUITES:
        sources.write_text(f"deb-src [signed-by={KEYRING}] {mirror} {suite} main\n")
        subprocess.run(["apt-get", "update", "-qq"], env=environ, capture_output=True)
        for version in VERSIONS:
            command = ["apt-get", "source", "--download-only", "-qq", f"python{version}"]
            done = subprocess.run(
                command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300
            )
            found = list(folder.glob(f"python{version}_*.orig.tar.*"))
            if done.returncode == 0 and found:
                return found[0]
            said = (done.stderr.strip().splitlines() or [said])[0]
    raise UnavailableError(f"Debian gives no source of Python {' or '.join(VERSIONS)}: {said}")


def build_python(sanitizes: bool, may_build: bool) -> Path:
    """Return an interpreter without the GIL; it is kept, and used again."""
    folder = builds.FOLDER / ("free-threaded-tsan" if sanitizes else "free-threaded")
    seal = folder / "built"
    if not seal.exists() and not may_build:
        raise UnavailableError("none is kept, and the short form builds none")
    if not seal.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            with tarfile.open(fetch_source(Path(work))) as archive:
                archive.extractall(work)  # which apt-get has checked
            (source,) = Path(work).glob("Python-*/")
            environ = os.environ | {f"py_cv_module_{name}": "n/a" for name in LEFT_OUT}
            environ |= {"CC": "gcc", "OPT": "-O1 -g1" if sanitizes else "-O2"}
            environ |= {"TSAN_OPTIONS": "report_bugs=0"}
            configure = ["./configure", f"--prefix={folder}", *CONFIGURE]
            if sanitizes:
                configure.append("--with-thread-sanitizer")
            for command in (configure, ["make", "-s", "-j2"], ["make", "-s", "install"]):
                done = subprocess.run(
                    command, cwd=source, env=environ, capture_output=True, text=True
                )
                if done.returncode:
                    raise UnavailableError(f"{command[0]} failed:\n{done.stderr[-2000:]}")
            for name in ("suppressions", "suppressions_free_threading"):
                shutil.copy(source / f"Tools/tsan/{name}.txt", folder)
        seal.touch()
    (interpreter,) = folder.glob("bin/python3.[0-9]*t")
    return interpreter
