"""Runs an init on the build machine, and prints the files of all modules that it has loaded.

arguments: the init's name, the collector's URL, the folders to import from. It crashes here as it
may crash there, for what tells of a crash is loaded no earlier.
"""

import atexit
import sys


def print_files() -> None:
    for module in list(sys.modules.values()):
        if getattr(getattr(module, "__spec__", None), "has_location", False):
            print(module.__file__, file=sys.__stdout__)


atexit.register(print_files)  # the first, so that it is the last to run
sys.stdout = sys.stderr  # for whatever else is printed
name, url = sys.argv[1:3]
sys.path[:0] = sys.argv[3:]


class Kernel:
    """Stands for the module of that name: here nothing is mounted or powered off."""

    power_off = staticmethod(lambda: None)


sys.modules["kernel"] = Kernel  # type: ignore[assignment]
import system  # noqa: E402

system.start = lambda: None
system.bring_up_network = lambda: "127.0.0.1"
system.read_words = lambda: {"log": url, "crash": "exception"}
system.show = lambda event: None
init = __import__(name)
try:
    init.main()
except RuntimeError:
    sys.excepthook(*sys.exc_info())
