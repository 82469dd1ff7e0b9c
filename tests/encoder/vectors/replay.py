"""Replays vectors.jsonl with the encoder that is here, on any Python that has `json`.

Each line is a case: an encoder's `options`, what `replace` changes of it if anything, the `call`
with its arguments, and what that `gives`, or the type and text of what it `raises`. Octets that
are UTF-8 stand there as text. What JSON has no word for is an object with one key, its kind.
"""

import json
import sys

if sys.implementation.name == "micropython":
    from collections import OrderedDict as Dict  # MicroPython's dict keeps no order
else:
    Dict = dict


def make_octets(text):
    return bytes([ord(char) for char in text])


MAKERS = {
    "bytes": make_octets,
    "bytearray": lambda text: bytearray(make_octets(text)),
    "memoryview": lambda text: memoryview(bytearray(make_octets(text))),
    "readonly": lambda text: memoryview(make_octets(text)),
    "chars": lambda codes: "".join([chr(code) for code in codes]),
    "float": float,
    "power": lambda pair: pair[0] ** pair[1],
    "repeat": lambda pair: make(pair[0]) * pair[1],
    "tuple": lambda items: tuple(make(items)),
    "dict": lambda pairs: Dict([(make(key), make(value)) for key, value in pairs]),
}


def make(value):
    """Return what a value of the file stands for."""
    if isinstance(value, list):
        return [make(item) for item in value]
    if isinstance(value, dict):
        ((kind, content),) = value.items()
        return MAKERS[kind](content)
    return value


def make_all(values):
    return {name: make(values[name]) for name in values}


def call_encoder(case, encoder):
    """Return what the call gives: octets, or what it has written and what it returned."""
    name = case["call"]
    arguments = make(case.get("arguments", []))
    result = getattr(encoder, name)
    if name != "max_size":
        result = result(*arguments, **make_all(case.get("keywords", {})))
    if name.endswith("_into"):
        return [bytes(arguments[0]), list(result) if isinstance(result, tuple) else result]
    return result.encode() if name == "__repr__" else result


def replay(case, encoder_module):
    """Return what a case really gives or raises, as the file would have it."""
    try:
        if case["call"] == "format_timestamp":
            keywords = make_all(case.get("keywords", {}))
            result = encoder_module.format_timestamp(*make(case["arguments"]), **keywords).encode()
        else:
            encoder = encoder_module.Encoder(**make_all(case["options"]))
            if "replace" in case:
                encoder = encoder.replace(**make_all(case["replace"]))
            result = call_encoder(case, encoder)
    except Exception as error:
        return {"raises": [type(error).__name__, str(error)]}
    return {"gives": describe(result)}


def describe(result):
    """Return a result as the file has it."""
    if isinstance(result, list):
        return [describe(item) for item in result]
    if not isinstance(result, bytes):
        return result
    try:
        text = str(result, "utf-8")
        if text.encode() == result and all(not "\ud800" <= char <= "\udfff" for char in text):
            return text
    except UnicodeError:
        pass
    return {"bytes": "".join([chr(octet) for octet in result])}


def read_cases(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def find_difference(case, encoder_module):
    """Return how a case differs from the file; nothing if it does not."""
    expected = {key: case[key] for key in ("gives", "raises") if key in case}
    found = replay(case, encoder_module)
    if len(expected) == 1 and found == expected:
        return ""
    return f"{case['name']}: {found} instead of {expected}"


def main(path):
    """Print each difference, then the number of cases; exit with 1 if any differs."""
    import syslogfast

    count = 0
    differences = 0
    for case in read_cases(path):
        count += 1
        difference = find_difference(case, syslogfast)
        if difference:
            differences += 1
            print(difference)
    print(f"{sys.implementation.name} {syslogfast.BACKEND}: {count} cases, {differences} differ")
    if differences or not count:
        sys.exit(1)
