"""Make a component of WASI out of shop.py and this package, and run it.

It takes componentize-py and wasmtime, which are downloaded from PyPI into build/wasi of this
repository, or the folder that SYSLOGFAST_WASI names. The component is kept there, too, under a name
that changes with its sources.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# With wasmtime 50.0.1 one can grant addresses from Python, but no sockets.
PACKAGES = ("componentize-py==0.25.1", "wasmtime==47.0.1")


def prepare(parts: pathlib.Path) -> None:
    """Have the two programs in a virtual environment."""
    if not (parts / "bin" / "componentize-py").exists():
        venv.create(parts, with_pip=True, clear=True)
        pip = [parts / "bin" / "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, *PACKAGES], check=True)


def list_sources() -> list[pathlib.Path]:
    return [*sorted((ROOT / "syslogfast").rglob("*.py")), HERE / "shop.py", HERE / "shop.wit"]


def name_component(parts: pathlib.Path) -> pathlib.Path:
    """Return where the component of these sources is, or is to be."""
    digest = hashlib.sha256(repr(PACKAGES).encode())
    for source in list_sources():
        digest.update(f"{source.relative_to(ROOT)}\0".encode() + source.read_bytes())
    return parts / f"shop-{digest.hexdigest()[:16]}.wasm"


def make(parts: pathlib.Path) -> pathlib.Path:
    """Make the component: Python, the package's Python files and shop.py, after their imports."""
    component = name_component(parts)
    if component.exists():
        return component
    for former in parts.glob("shop-*wasm"):
        former.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for source in list_sources():
            base = HERE if source.parent == HERE else ROOT
            target = pathlib.Path(folder, source.relative_to(base))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        command = [parts / "bin" / "componentize-py", "-d", "shop.wit", "-w", "shop"]
        command += ["componentize", "-o", component.with_suffix(".part"), "shop"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    component.with_suffix(".part").rename(component)
    return component


def main() -> int:
    parser = argparse.ArgumentParser(prog="wasi.py", description=__doc__)
    parser.add_argument("--to", metavar="URL", help="where it sends; default: standard output")
    parser.add_argument("--grant", action="store_true", help="grant it sockets")
    parser.add_argument("--crash", action="store_true", help="have an exception end it")
    parser.add_argument("--prepare", action="store_true", help="make and compile it, no more")
    options = parser.parse_args()
    parts = pathlib.Path(os.environ.get("SYSLOGFAST_WASI") or ROOT / "build" / "wasi").resolve()
    prepare(parts)
    command = [parts / "bin" / "python", HERE / "host.py", make(parts)]
    if options.prepare:
        return subprocess.run([*command, "--compile"]).returncode
    command += ["--grant"] * options.grant
    command += [f"SYSLOGFAST_URL={options.to}"] if options.to else []
    command += ["BOOKS=0"] * options.crash
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
