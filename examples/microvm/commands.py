"""What the commands do: one machine, a fleet of them, or two kinds measured side by side."""

import re
import statistics
import sys
import time
from argparse import Namespace

from collector import Collector
from host import Host

LAST_LINES = 40  # of the serial line of a machine that did not do as it was told
CRASHES = ("exception", "segv")
ENDS = {None: "clean", "exception": "exception", "segv": "panic"}  # by what they were told
INITS = {"syslogfast": "init", "logging.handlers": "init_logging"}


def run_one(host: Host, options: Namespace) -> int:
    """Boot a machine and print the records that it sends, unless they go elsewhere."""
    collector = None if options.to else Collector(prints=True)
    machine = host.boot(
        host.build_image("init"),
        options.to or collector.url,  # type: ignore[union-attr]
        crash=options.crash,
    )
    host.wait(collector)
    end = machine.describe_end()
    is_good = end == ENDS[options.crash] and not (collector and collector.printer.malformed)
    if options.console or not is_good:
        sys.stderr.write(machine.read_console())
    received = f"; {collector.printer}" if collector else ""
    print(f"microvm: {end or 'no end'} after {machine.elapsed:.1f} s{received}", file=sys.stderr)
    return 0 if is_good else 1


def run_fleet(host: Host, options: Namespace) -> int:
    """Boot many machines at once; print what became of each."""
    collector = None if options.to else Collector(prints=False)
    url = options.to or collector.url  # type: ignore[union-attr]
    image = host.build_image("init")
    healthy = options.count - options.crash
    crashes = [None] * healthy + [CRASHES[number % 2] for number in range(options.crash)]
    started = time.monotonic()
    for number, crash in enumerate(crashes, 1):
        host.boot(image, url, crash=crash, hostname=f"vm-{number:02d}")
    host.wait(collector)
    print("HOSTNAME  BOOTED     UP         ADDRESS    END        AFTER")
    disobedient = []
    for number, (machine, crash) in enumerate(zip(host.machines, crashes, strict=True), 1):
        nothing = ("-", "-")
        _, booted = machine.read_event("booted") or nothing
        address, up = machine.read_event("up with") or nothing
        end = machine.describe_end()
        if up == "-" or end != ENDS[crash]:
            disobedient.append(machine)
        name, after = f"vm-{number:02d}".ljust(8), f"{machine.elapsed:.1f} s"
        print(name, f"{booted:>7s} s", f"{up:>7s} s", f"{address:9s}", f"{end:9s}", after, sep="  ")
    for machine in disobedient:
        last = "\n".join(machine.read_console().splitlines()[-LAST_LINES:])
        print(f"microvm: vm-{machine.number:02d}:\n{last}", file=sys.stderr)
    received = f"; {collector.printer}" if collector else ""
    elapsed = time.monotonic() - started
    good = options.count - len(disobedient)
    print(
        f"{good} of {options.count} have booted, were up and have ended as told,"
        f" in {elapsed:.1f} s{received}"
    )
    is_malformed = collector is not None and collector.printer.malformed > 0
    return 1 if is_malformed or disobedient else 0


def measure(host: Host, options: Namespace) -> int:
    """Boot both kinds in turn; print the medians of what they cost."""
    images = {name: host.build_image(init) for name, init in INITS.items()}
    figures: dict[str, list[tuple[float, ...]]] = {name: [] for name in INITS}
    for _ in range(options.boots):
        for name, image in images.items():
            collector = Collector(prints=False)
            machine = host.boot(image, collector.url)
            host.wait(collector)
            collector.close()
            received = b"".join(data for _, data in collector.datagrams)
            told = re.search(rb"memory (\d+) KB, of which (\d+) KB", received)
            if told is None:
                sys.stderr.write(machine.read_console())
                print(f"microvm: {name} has told nothing", file=sys.stderr)
                return 1
            first = collector.datagrams[0][0] - machine.started
            figures[name].append((int(told[1]) / 1e3, int(told[2]) / 1e3, first))
    print("                  IMAGE    MEMORY   NO FILE'S  FIRST RECORD")
    for name, image in images.items():
        memory, own, first = map(statistics.median, zip(*figures[name], strict=True))
        size = image.stat().st_size / 1e6
        print(f"{name:16s}  {size:.2f} MB  {memory:4.1f} MB   {own:4.1f} MB    {first:5.2f} s")
    return 0
