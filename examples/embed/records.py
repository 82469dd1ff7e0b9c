"""What the program does in Python. It is frozen into it, as are all modules that it imports."""

import sys
from _frozen_importlib import BuiltinImporter

NAMES = {"hostname": "vm-7", "app_name": "shop", "procid": 1}  # the kernel need not be asked


class PackageImporter(BuiltinImporter):
    """Finds built-in modules in packages, too: Python 3.11.2 does not."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> object:
        return super().find_spec(name)


sys.meta_path.insert(0, PackageImporter)

import syslogfast  # noqa: E402

encoder = syslogfast.Encoder(framing="lf", **NAMES)


def emit(fd: int) -> None:
    """Send more records to a descriptor, if this Python has the modules that emitters need.

    Debian's has `_socket` and `select` built in; elsewhere they may be files, out of reach.
    """
    if not {"_socket", "select"} <= set(sys.builtin_module_names):
        return
    from syslogfast import lifecycle

    with syslogfast.connect(f"fd://{fd}", **NAMES) as log:
        lifecycle.booted(log)
        log.info("%d books sold", 3, msgid="SALE", structured_data={"order@32473": {"id": 17}})
