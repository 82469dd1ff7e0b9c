"""A process that emits from many threads and from forks, and says at the end what it has emitted.

usage: emitting.py URL OPTIONS THREADS PAUSE SEED FOLDER

It reads commands from its standard input: "rest" has the threads stop and the queue flushed, "mark"
some more records emitted, "end" the emitter closed; each is answered by a line of JSON.
"""

import json
import os
import pathlib
import random
import sys
import threading
import time

import syslogfast
from syslogfast.transports import stream

stream.SEND_BUFFER = 4096  # bytes, so that it runs full when the collector does not read
MARKS = 20
FORK_PAUSE = 9.0  # seconds
PATIENCE = 90.0  # seconds that a flush may take: outages included
WORDS = "basket", "sold", "Bücher", "☃", 'a "quote"', "back\\slash", "[x]", "line\nbreak", "\t"


def make_text(process: int, thread: int, number: int) -> str:
    """Return the text of a record: the same in the process that emits it and in who checks it."""
    chance = random.Random(f"{process} {thread} {number}")
    most = 1200 if chance.random() < 0.1 else 120
    words = [f"{process} {thread} {number}"]
    while sum(map(len, words)) < most * chance.random():
        words.append(chance.choice(WORDS))
    return " ".join(words)


class Emitting:
    """The threads, and how many records each of them has emitted."""

    def __init__(self, log: "syslogfast.Emitter", count: int, pause: float, seed: str) -> None:
        self.log = log
        self.pause = pause
        self.counts = [0] * (count + 1)  # the last one's is of the main thread
        self.rests = threading.Event()
        self.threads = [
            threading.Thread(target=self.speak, args=(number, random.Random(f"{seed} {number}")))
            for number in range(count)
        ]
        for thread in self.threads:
            thread.start()

    def emit(self, thread: int) -> None:
        self.log.info("%s", make_text(os.getpid(), thread, self.counts[thread]))
        self.counts[thread] += 1

    def speak(self, thread: int, chance: random.Random) -> None:
        while not self.rests.wait(chance.expovariate(1 / self.pause)):
            for _ in range(chance.choice((1, 1, 1, 1, 1, 1, 1, 1, 1, 40))):
                self.emit(thread)

    def rest(self) -> None:
        self.rests.set()
        for thread in self.threads:
            thread.join()


def tell(log: "syslogfast.Emitter", count: int) -> dict[str, object]:
    return {"process": os.getpid(), "emitted": count, "stats": log.stats, "time": time.time()}


def emit_in_fork(log: "syslogfast.Emitter", folder: pathlib.Path) -> int:
    """Emit from a process that was forked just now, from among all the threads."""
    child = os.fork()
    if not child:
        for number in range(5):
            log.info("%s", make_text(os.getpid(), 0, number))
        log.close(PATIENCE)
        (folder / f"child-{os.getpid()}").write_text(json.dumps(tell(log, 5)))
        os._exit(0)
    return child


def main() -> None:
    url, options, threads, pause, seed, place = sys.argv[1:]
    folder = pathlib.Path(place)
    log = syslogfast.connect(url, sequence_ids=True, **json.loads(options))
    emitting = Emitting(log, int(threads), float(pause), seed)
    children: set[int] = set()

    def fork() -> None:
        while not emitting.rests.wait(FORK_PAUSE):
            children.add(emit_in_fork(log, folder))

    forking = threading.Thread(target=fork)
    forking.start()
    failed = 0
    print("{}", flush=True)
    for line in sys.stdin:
        command = line.strip()
        is_flushed = True
        if command == "rest":
            emitting.rest()
            forking.join()
            failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
            is_flushed = log.flush(PATIENCE)
        elif command == "mark":
            for _ in range(MARKS):
                emitting.emit(len(emitting.threads))
            is_flushed = log.flush(PATIENCE)
        elif command == "end":
            log.close(PATIENCE)
        answer = tell(log, sum(emitting.counts))
        answer |= {"flushed": is_flushed, "children": len(children), "failed": failed}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
