"""Environments with the package built otherwise: with sanitizers, counters, a debug Python."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(
    os.environ.get("SYSLOGFAST_HARDENING", tempfile.gettempdir() + "/syslogfast-hardening")
)


def list_sources() -> list[Path]:
    """Return what a build depends on, relative to the root: what is committed or about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(
        [
            *command,
            "syslogfast",
            "setup.py",
            "pyproject.toml",
            "README.md",
            "LICENSE",
            "MANIFEST.in",
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return sorted(Path(name) for name in set(names.split("\0")) if name and (ROOT / name).exists())


def build(
    name: str,
    *,
    python: str = sys.executable,
    environ: dict[str, str] | None = None,
    packages: tuple[str, ...] = (),
) -> Path:
    """Return the interpreter of an environment with the package, compiled with `environ`.

    `packages` are installed beside it. The environment is kept, and used again while the sources
    and the arguments are the same. The sources as they were built are in the folder `tree` beside
    `venv`, with the C that Cython has made of them.
    """
    digest = hashlib.sha256(repr((python, sorted((environ or {}).items()), packages)).encode())
    sources = list_sources()
    for source in sources:
        digest.update(f"{source}\0".encode() + (ROOT / source).read_bytes())
    folder = FOLDER / name
    interpreter = folder / "venv/bin/python"
    seal = folder / "digest"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:  # two jobs may want the same one
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not seal.exists() or seal.read_text() != digest.hexdigest():
            install(folder, interpreter, python, sources, environ or {}, packages)
            seal.write_text(digest.hexdigest())
    return interpreter


def install(
    folder: Path,
    interpreter: Path,
    python: str,
    sources: list[Path],
    environ: dict[str, str],
    packages: tuple[str, ...],
) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for source in sources:
        (folder / "tree" / source).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / source, folder / "tree" / source)
    subprocess.run([python, "-m", "venv", folder / "venv"], check=True)
    pip = [interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, ".", *packages],
        cwd=folder / "tree",
        env=os.environ | {"SYSLOGFAST_REQUIRE_C": "1"} | environ,
        check=True,
    )
