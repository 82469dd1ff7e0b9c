"""Boot microVMs whose PID 1 is Debian's CPython with syslogfast, under qemu and without KVM."""

import argparse
import signal
import sys

from parts import ROOT, MissingError, Parts, find_directory

EPILOG = (
    "qemu and a kernel come from Debian: `prepare` downloads them. It needs root only to install"
    " packages; the other commands need none, and the network only to build syslogfast anew after"
    " a change."
)


def parse_count(text: str) -> int:
    if not (text.isdigit() and 0 < int(text) <= 99):
        raise argparse.ArgumentTypeError(f"must be in 1..99, got {text!r}")
    return int(text)


def parse_url(text: str) -> str:
    if not text.startswith(("udp://", "tcp://")) or not text.isprintable() or set(text) & set(' "'):
        raise argparse.ArgumentTypeError(
            f"must be udp://HOST:PORT or tcp://HOST:PORT, got {text!r}"
        )
    return text


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="microvm.py", description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "--parts",
        metavar="DIR",
        help="where qemu's kernel and what is built are kept; default: $SYSLOGFAST_MICROVM, or"
        " syslogfast-microvm in the user's cache",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")

    add("prepare", "download and build all parts, on Debian")
    one = add("run", "boot one microVM and print the records that it sends")
    one.add_argument("--crash", choices=("exception", "segv"), help="how it ends; default: cleanly")
    one.add_argument(
        "--console", action="store_true", help="print its serial line, too, at the end"
    )
    fleet = add("fleet", "boot many at once, and tell what became of each")
    fleet.add_argument("--count", type=parse_count, default=20, metavar="N", help="default: 20")
    fleet.add_argument(
        "--crash",
        type=parse_count,
        default=0,
        metavar="N",
        help="how many crash: by an exception and by a null read, in turn",
    )
    for command in (one, fleet):
        command.add_argument(
            "--to",
            type=parse_url,
            metavar="URL",
            help="udp:// or tcp://, a collector; default: one that is started for this",
        )
    both = add("measure", "compare syslogfast with the standard library's logging.handlers")
    both.add_argument("--boots", type=parse_count, default=3, metavar="N", help="default: 3")
    return parser


def main() -> int:
    parser = make_parser()
    options = parser.parse_args()
    if options.command == "fleet" and options.crash > options.count:
        parser.error("--crash must not be more than --count")
    sys.path.append(str(ROOT))  # if syslogfast is not installed: its parser reads the records
    from commands import measure, run_fleet, run_one
    from host import Host

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no machine is left alone
    try:
        parts = Parts(find_directory(options.parts))
        if options.command == "prepare":
            parts.prepare()
            return 0
        with Host(parts) as host:
            run = {"run": run_one, "fleet": run_fleet, "measure": measure}[options.command]
            return run(host, options)
    except MissingError as error:
        print(f"microvm: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
