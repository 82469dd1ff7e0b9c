"""A recommender of shares for a unikernel: it answers a symbol in one word, and logs what it does.

usage: SYSLOGFAST_URL=udp://127.0.0.1:5514 python3 service.py [HOST PORT]
"""

import socket
import sys

import syslogfast
from syslogfast import lifecycle

SHARES = {"ACME": (9, 100), "HOOLI": (4, 80), "INITECH": (1, 120), "OLDCO": (2, 0)}  # earns, costs
LONGEST_SYMBOL = 16  # characters
PATIENCE = 5.0  # seconds for what a client has to say


def recommend(symbol: str) -> str:
    earns, costs = SHARES[symbol]
    worth = earns / costs  # OLDCO costs nothing any more, which nobody has thought of
    return "buy" if worth > 0.08 else "hold" if worth > 0.03 else "sell"


def answer(client: socket.socket, log: syslogfast.Emitter) -> None:
    with client.makefile("rw", encoding="ascii", errors="replace") as lines:
        symbol = lines.readline(LONGEST_SYMBOL).strip()
        log.debug("asked for %r", symbol, msgid="ASKED")
        word = recommend(symbol) if symbol in SHARES else "unknown"
        lines.write(word + "\n")
    elements = {"stock@32473": {"symbol": symbol, "recommendation": word}}
    severity = "info" if symbol in SHARES else "warning"
    log.emit(severity, "%s: %s", symbol, word, msgid="RECOMMENDED", structured_data=elements)


def serve(host: str, port: int, log: syslogfast.Emitter) -> None:
    with socket.create_server((host, port)) as listener:
        log.notice("listening on port %d", listener.getsockname()[1], msgid="LISTENING")
        while True:
            client, address = listener.accept()
            client.settimeout(PATIENCE)
            try:
                with client:
                    answer(client, log)
            except OSError as error:  # it has gone, or says nothing
                log.warning("nothing from %s: %s", address[0], error, msgid="NO-REQUEST")


if __name__ == "__main__":
    host, port = sys.argv[1:] or ("", 8080)
    log = syslogfast.connect(
        app_name="recommender", sequence_ids=True, level="info", recorder_bytes=1 << 16
    )
    lifecycle.install(log, version="1.0", heartbeat=60)
    serve(host, int(port), log)
