"""Compare verdicts and fields of `syslogfast listen` with those of go-syslog; see README.md."""

import base64
import collections
import json
import random
import subprocess
import sys

from test_go_syslog import KINDS, find_kind
from test_parse import SEEDS, mutate

from syslogfast.commands.parse import MalformedError, Parsed, parse_record

MORE_SEEDS = [
    b"<165>1 2007-02-15T09:17:15.719+02:00 router1 mgd 3046 UI_LOGOUT"
    rb' [junos@2636.1.1.1.2.18 username="user" a="b\n\]"] User left',
    b"<34>1 1985-04-12T19:20:50.52-00:00 h a p m"
    b' [timeQuality tzKnown="1" isSynced="1"] \xef\xbb\xbfcaf\xc3\xa9',
    b'<13>1 2000-02-29T00:00:00Z - - - - [a@1 b=""][c@2] x\xff\xfe',
    b"<13>1 - h a p m - ",
]


def list_fields(record: Parsed) -> list[object]:
    elements = {sd_id: dict(parameters) for sd_id, parameters in record.structured_data}
    return [
        *(record.facility * 8 + record.severity, record.hostname, record.app_name),
        *(record.procid, record.msgid, elements),
        record.message.encode(errors="surrogateescape"),
    ]


def read_fields(answer: dict[str, object]) -> list[object]:
    message = base64.b64decode(str(answer.get("msg") or "")).removeprefix(b"\xef\xbb\xbf")
    names = ("pri", "host", "app", "proc", "msgid")
    return [*[answer[name] for name in names], answer["sd"] or {}, message]


def main(judge: str, count: str, seed: str = "1") -> None:
    chance = random.Random(int(seed))
    seeds = [data for data in SEEDS if b">1 " in data[:6]] + MORE_SEEDS
    records = [mutate(seeds[number % len(seeds)], chance) for number in range(int(count))]
    frames = b"".join(b"%d " % len(data) + data for data in records)
    done = subprocess.run([judge], input=frames, stdout=subprocess.PIPE, check=True)
    counts: collections.Counter[str] = collections.Counter()
    for data, line in zip(records, done.stdout.splitlines(), strict=True):
        answer = json.loads(line)
        record = refused = None
        try:
            record = parse_record(data)
        except MalformedError as error:
            refused = error
        if (refused is None) != answer["ok"]:
            kind = find_kind(data, refused)
            counts[kind or "OF NO KIND"] += 1
            if kind is None:
                print("verdict", data, refused, answer.get("error"))
        elif record is None:
            counts["both refuse"] += 1
        else:
            counts["both accept"] += 1
            if list_fields(record) != read_fields(answer):
                counts["OTHER FIELDS"] += 1
                print("fields", data, record, answer)
    for name, number in counts.most_common():
        print(f"{number:8,} {name}: {KINDS.get(name, '')}".rstrip(": "))


if __name__ == "__main__":
    main(*sys.argv[1:])
