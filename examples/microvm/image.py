"""The guest's file system: an initramfs of Debian's Python, the drivers and our own code only."""

import gzip
import pathlib
import socket
import tempfile

from parts import GUEST, PYTHON, MissingError, Parts, run

# In the order in which they need each other.
DRIVERS = (
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
)
FOLDERS = ("dev", "etc", "proc", "sys", "tmp")
NOT_FOR_GUESTS = {
    *("commands", "cli.py", "__main__.py"),  # the command
    *("handlers", "formatter.py"),  # for logging
    *("tls.py", "relp.py", "services.py"),  # transports that are not offered here
    *("_encoder_py.py", "_emitter_py.py", "queue_py.py"),  # stand in for what is compiled
}
# Unchecked: without a source nothing is to be compared with it at run time.
COMPILE = """
import py_compile, sys
for file, target, name in zip(*[iter(sys.argv[1:])] * 3):
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(file, target, name, doraise=True, optimize=2, invalidation_mode=unchecked)
"""
FOLDER, FILE = 0o40755, 0o100755  # with which rights matters to nobody: PID 1 may do all


class Archive:
    """A cpio archive of the kind that Linux unpacks at boot, in memory.

    Documentation/driver-api/early-userspace/buffer-format.rst in Linux's source.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes | None] = {}  # None: a folder

    def add(self, path: str, data: bytes | None = None) -> None:
        """Add a file with these bytes, or a folder, and the folders above it."""
        path = path.lstrip("/")
        above = path.rpartition("/")[0]
        if above and above not in self.files:
            self.add(above)
        self.files[path] = data

    def render(self) -> bytes:
        entries = [
            self._render_entry(number, path, FOLDER if data is None else FILE, data or b"")
            for number, (path, data) in enumerate(self.files.items(), 1)
        ]
        return b"".join(entries) + self._render_entry(0, "TRAILER!!!", 0, b"")

    def _render_entry(self, number: int, path: str, mode: int, data: bytes) -> bytes:
        name = path.encode() + b"\0"
        # inode, mode, owner, group, links, time, size, device and its own (4), name's size, check
        numbers = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % value for value in numbers) + name
        return pad(head) + pad(data)


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def compile_modules(sources: "dict[str, pathlib.Path]") -> "dict[str, bytes]":
    """Return the bytecode of each module by its name: the guest's Python compiles it, not ours."""
    with tempfile.TemporaryDirectory() as folder:
        arguments: list[str] = []
        for number, (name, file) in enumerate(sources.items()):
            arguments += [str(file), f"{folder}/{number}", name]
        run(PYTHON, "-IS", "-c", COMPILE, *arguments)
        return {
            name: pathlib.Path(folder, str(number)).read_bytes()
            for number, name in enumerate(sources)
        }


class Image:
    """An initramfs that runs one init, "init" or "init_logging", as PID 1."""

    def __init__(self, parts: Parts, init: str) -> None:
        self.archive = Archive()
        version = run(PYTHON, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])")
        self.library = pathlib.Path("/usr/lib", version.strip())
        self.venv = parts.build_python()
        self.site = self.venv / "lib" / version.strip() / "site-packages"
        for folder in (*FOLDERS, self.library / "lib-dynload"):
            self.archive.add(str(folder))
        drivers = parts.find_drivers()
        for number, driver in enumerate(DRIVERS):
            file = (drivers / driver).with_suffix(".ko")
            self.archive.add(f"drivers/{number:02d}-{file.name}", file.read_bytes())
        self._add_program(pathlib.Path(PYTHON))
        modules = self._list_modules(init)
        sources = {self._name(file): file for file in modules if file.suffix == ".py"}
        compiled = compile_modules(sources)
        self.archive.add("init.pyc", compiled.pop(f"{init}.py"))
        for name, bytecode in compiled.items():
            self.archive.add(f"{self.library}/{name}c", bytecode)
        for file in {*modules, self.venv / "kernel.so"} - set(sources.values()):
            self._add_program(file, self.library / self._name(file))

    def write(self, path: pathlib.Path) -> None:
        path.write_bytes(gzip.compress(self.archive.render(), 6))

    def _list_modules(self, init: str) -> "set[pathlib.Path]":
        """Return the modules that an init may need: what a rehearsal has loaded, and our own."""
        modules = {self.library / "os.py"}  # built in; by this file Python knows its library
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for scheme in ("udp", "tcp"):
                # By name, for what looks one up is needed, too.
                url = f"{scheme}://localhost:{listener.getsockname()[1]}"
                rehearsal = ("-ISB", GUEST / "rehearse.py", init, url, self.site, GUEST)
                modules |= set(map(pathlib.Path, run(PYTHON, *rehearsal).splitlines()))
        package = self.site / "syslogfast"
        if package / "__init__.py" in modules:
            ours = {file for file in package.rglob("*") if file.suffix in (".py", ".so")}
            for file in ours:
                if not NOT_FOR_GUESTS & set(file.relative_to(package).parts):
                    modules.add(file)
        return modules - {GUEST / "rehearse.py"}

    def _name(self, file: pathlib.Path) -> str:
        """Return where a module is below its folder; in the guest all of them are in one."""
        for base in (self.site, GUEST, self.venv, self.library / "lib-dynload", self.library):
            if file.is_relative_to(base):
                return str(file.relative_to(base))
        raise MissingError(f"{file} is in none of the folders that a guest's module comes from")

    def _add_program(self, file: pathlib.Path, target: "pathlib.Path | None" = None) -> None:
        """Add a program or module, and the libraries that it is linked to."""
        self.archive.add(str(target or file), file.read_bytes())
        for word in run("ldd", file).split():
            if word.startswith("/"):
                self.archive.add(word, pathlib.Path(word).read_bytes())
