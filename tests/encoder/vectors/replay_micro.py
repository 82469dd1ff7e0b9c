"""Replays those cases of vectors.jsonl that are for `micro.py`, on any Python that has `json`.

It needs `replay.py` beside it, and a module `micro` that stands alone. An emitter gives no record
away, so that what it queues is taken instead.
"""

import sys

try:
    from vectors import replay  # as other interpreters have the folder
except ImportError:
    import replay

OPTIONS = ("hostname", "app_name", "procid", "facility", "msgid", "max_size")
KEYWORDS = ("time_ns", "msgid", "structured_data")
DEFAULTS = {"protocol": "rfc5424", "controls": "escape", "precision": 6, "local_time": False}


def is_offered(case):
    """Return True for a record of an encoder with options that `micro.connect` has, too."""
    options = dict(case.get("options", {}))
    for name in DEFAULTS:
        if options.get(name) == DEFAULTS[name]:
            options.pop(name)
    keywords = case.get("keywords", {})
    return (
        case["call"] == "encode"
        and "gives" in case
        and "replace" not in case
        and all(name in OPTIONS for name in options)
        and all(name in KEYWORDS for name in keywords)
        and type(replay.make(keywords["time_ns"])) is int
        and isinstance(replay.make(keywords.get("structured_data", {"dict": []})), dict)
    )


def encode(case, micro):
    """Return the record that a case gives, as the file would have it."""
    options = {"max_size": 8192}
    options.update(replay.make_all(case["options"]))
    keywords = {"msgid": options.pop("msgid", None)}
    keywords.update(replay.make_all(case["keywords"]))
    for name in DEFAULTS:
        options.pop(name, None)
    emitter = micro.connect("udp://192.0.2.1", **options)
    records = []
    emitter._put = lambda record, since: records.append(record)
    emitter.emit(*replay.make(case["arguments"]), **keywords)
    return replay.describe(records[0])


def main(path):
    """Print each difference, then the number of cases; exit with 1 if any differs."""
    import micro

    count = 0
    differences = 0
    for case in replay.read_cases(path):
        if is_offered(case):
            count += 1
            found = encode(case, micro)
            if found != case["gives"]:
                differences += 1
                print(f"{case['name']}: {found} instead of {case['gives']}")
    print(f"{sys.implementation.name}: {count} cases, {differences} differ")
    if differences or not count:
        sys.exit(1)
