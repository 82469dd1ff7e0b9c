"""One target, in a process of its own: fuzzed by libFuzzer, or called with inputs that are known.

usage: child.py TARGET FLAGS...           libFuzzer's
       child.py TARGET --inputs FILE      one in hexadecimal digits a line
"""

import importlib
import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parents[1]))  # for `support`

import atheris  # noqa: E402


def main() -> None:
    name, *flags = sys.argv[1:]
    logging.raiseExceptions = False  # it would print each template that its arguments do not fit
    with atheris.instrument_imports(include=["syslogfast"]):
        target = importlib.import_module(f"target_{name}")
    if flags[0] == "--inputs":
        for line in Path(flags[1]).read_text().split():
            print(line, flush=True)  # the last one is that which ends all
            target.try_input(bytes.fromhex(line))
        return
    # By its first argument libFuzzer starts itself anew, to find out which inputs are needed.
    atheris.Setup([f"{sys.executable} -s {__file__} {name}", *flags], target.try_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
