"""Build a program that has Python, syslogfast and records.py inside.

usage: python3 build.py FOLDER      makes FOLDER/program; what else is there may be deleted

It takes Cython, setuptools, a C compiler, and the static library and headers of this Python.
"""

import marshal
import pathlib
import shlex
import shutil
import subprocess
import sys
import sysconfig
from types import CodeType

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent

# Run the Python part once, as a script without site: what it has imported is what it needs.
LIST_MODULES = """
import sys
sys.path[:0] = sys.argv[1:]
import os
import records
records.emit(os.open(os.devnull, os.O_WRONLY))
for name, module in sys.modules.items():
    spec = module.__spec__
    if spec and spec.name == name and spec.origin:
        print(name, spec.origin)
"""


def run(*command: "str | pathlib.Path") -> str:
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def find_modules() -> dict[str, tuple[CodeType, bool]]:
    """Return what to freeze by its name, the program's and all of the package: a package or not."""
    lines = run(sys.executable, "-IS", "-c", LIST_MODULES, str(ROOT), str(HERE)).splitlines()
    origins = dict(line.split(" ", 1) for line in lines)
    for path in (ROOT / "syslogfast").rglob("*.py"):  # some are only imported when needed
        parts = path.relative_to(ROOT).with_suffix("").parts
        origins[".".join(parts).removesuffix(".__init__")] = str(path)
    modules = {}
    for name, origin in origins.items():
        if origin.endswith(".py"):
            source = pathlib.Path(origin).read_bytes()
            place = f"<frozen {name}>"  # a path of the machine that builds would mean nothing
            code = compile(source, place, "exec", dont_inherit=True, optimize=2)
            modules[name] = code, origin.endswith("__init__.py")
    return modules


def write_frozen(file: pathlib.Path) -> None:
    """Write the modules as C; the size of a package is negative."""
    arrays, rows = [], []
    for number, (name, (code, is_package)) in enumerate(find_modules().items()):
        data = marshal.dumps(code)
        # As a string, which takes the compiler a twentieth of the time that numbers do.
        text = "".join([f"\\{octet:03o}" for octet in data])
        arrays.append(f'static const unsigned char m{number}[] = "{text}";')
        rows.append(f'    {{"{name}", m{number}, {-len(data) if is_package else len(data)}}},')
    table = ["const struct _frozen frozen_modules[] = {", *rows, "    {0}};"]
    file.write_text("\n".join(["#include <Python.h>", *arrays, *table, ""]))


def get_words(*names: str) -> list[str]:
    """Return what this Python was built with."""
    words = [word for name in names for word in shlex.split(sysconfig.get_config_var(name) or "")]
    return [word for word in words if word.strip()]  # Debian's 3.15 names a library of spaces


def build(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_frozen(folder / "frozen.c")
    # With the flags of setup.py. The object file is what is wanted of it, of this Python.
    shutil.rmtree(folder / "syslogfast", ignore_errors=True)
    core = ["build_ext", "--build-temp", str(folder), "--build-lib", str(folder)]
    run(sys.executable, "setup.py", "-q", *core)
    sources = [
        HERE / "program.c",
        folder / "frozen.c",
        folder / "syslogfast" / "_c" / "_encoder_c.o",
        folder / "syslogfast" / "_c" / "_lifecycle_c.o",
    ]
    library = pathlib.Path(*get_words("LIBPL", "LIBRARY"))
    # The linker warns of what glibc would load for users, hosts and locales: this asks for none.
    flags = ["-O2", "-s", "-static", "-Wl,--no-warnings", f"-I{sysconfig.get_path('include')}"]
    needed = get_words("LIBS", "MODLIBS", "SYSLIBS")
    output = ["-o", folder / "program"]
    run(*get_words("CC"), *flags, *sources, library, *needed, *output)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build(pathlib.Path(sys.argv[1]).resolve())
