"""Run program.py as PID 1 of a gVisor sandbox, and print the records that arrive.

usage: python3 sandbox.py [clean|exception|segv]      how it ends; default: clean
"""

import pathlib
import shutil
import socket
import subprocess
import sys
import threading

PROGRAM = pathlib.Path(__file__).resolve().with_name("program.py")
ENDS = ("clean", "exception", "segv")
# As any user, with this host's files, which stay as they are, and its network.
RUNSC = ["runsc", "-rootless", "-ignore-cgroups", "-network=host", "do"]
PATIENCE = 5.0  # seconds for what has been sent to be read


def print_datagrams(receiver: socket.socket) -> None:
    """Print each until an empty one."""
    while datagram := receiver.recv(1 << 16):
        print(datagram.decode(), flush=True)


def print_stream(listener: socket.socket) -> None:
    with listener.accept()[0] as connection, connection.makefile(encoding="utf-8") as lines:
        for line in lines:
            print(line.rstrip("\n"), flush=True)


def run(end: str) -> int:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        threads = [
            threading.Thread(target=print_datagrams, args=(receiver,), daemon=True),
            threading.Thread(target=print_stream, args=(listener,), daemon=True),
        ]
        for thread in threads:
            thread.start()
        urls = (
            f"udp://127.0.0.1:{receiver.getsockname()[1]}",
            f"tcp://127.0.0.1:{listener.getsockname()[1]}",
        )
        status = subprocess.run([*RUNSC, sys.executable, PROGRAM, *urls, end]).returncode
        receiver.sendto(b"", receiver.getsockname())  # after all others
        for thread in threads:
            thread.join(PATIENCE)
    return status


if __name__ == "__main__":
    end = sys.argv[1] if sys.argv[1:] else "clean"
    if end not in ENDS or len(sys.argv) > 2:
        sys.exit(__doc__)
    if shutil.which("runsc") is None:
        sys.exit("runsc is not on this machine: it is Debian's package runsc")
    sys.exit(run(end))
