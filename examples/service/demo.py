"""Start service.py, ask it for two shares, of which one ends it, and print the records that arrive.

usage: python3 demo.py
"""

import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator

SERVICE = pathlib.Path(__file__).resolve().with_name("service.py")
SYMBOLS = ("ACME", "OLDCO")
PATIENCE = 10.0  # seconds for a record, and for an answer


def list_records(receiver: socket.socket) -> Iterator[str]:
    """Print and yield each record until the one that says that the service has ended."""
    record = ""
    while " ENDED " not in record:
        record = receiver.recv(1 << 16).decode()
        print(record, flush=True)
        yield record


def ask(port: int, symbol: str) -> str:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(symbol.encode() + b"\n")
        with client.makefile(encoding="ascii") as lines:
            return lines.read().rstrip("\n")


def run() -> int:
    """Return 0 if the service has answered, and ended by the exception."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        command = [sys.executable, SERVICE, "127.0.0.1", "0"]
        with subprocess.Popen(command, env={**os.environ, "SYSLOGFAST_URL": url}) as service:
            try:
                for record in list_records(receiver):
                    if " LISTENING " in record:
                        port = int(record.rpartition(" ")[2])
                        for symbol in SYMBOLS:
                            print(f"{symbol}: {ask(port, symbol) or 'no answer'}", flush=True)
                service.wait(PATIENCE)
            finally:
                service.kill()
    return 0 if service.returncode == 1 else 1


if __name__ == "__main__":
    sys.exit(run())
