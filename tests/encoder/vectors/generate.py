"""Writes vectors.jsonl: what the encoder's specification, its twin in Python, makes of each case.

    python -I tests/encoder/vectors/generate.py

The file is for other implementations, too: ASCII but for characters beyond U+FFFF, which some
readers of JSON would take for two. `replay.py` tells how it is read.
"""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from cases import Case, list_cases
from replay import replay

import syslogfast._encoder_py

PATH = pathlib.Path(__file__).with_name("vectors.jsonl")


def spell(value: object) -> object:
    """Return what stands in the file for a value; `make` undoes it."""
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, bytearray):
        return {"bytearray": value.decode("latin-1")}
    if isinstance(value, memoryview):
        kind = "readonly" if value.readonly else "memoryview"
        return {kind: bytes(value).decode("latin-1")}
    if isinstance(value, float):
        return {"float": repr(value)}
    if isinstance(value, dict):
        return {"dict": [[spell(key), spell(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [spell(item) for item in value]}
    if isinstance(value, list):
        return [spell(item) for item in value]
    if isinstance(value, str):
        return spell_text(value)
    if isinstance(value, int) and abs(value) >= 10**50:
        return {"power": [10 if value > 0 else -10, len(str(abs(value))) - 1]}
    return value


def spell_text(text: str) -> object:
    if len(text) >= 200 and text == text[0] * len(text):
        return {"repeat": [text[0], len(text)]}
    if re.search("[\ud800-\udbff][\udc00-\udfff]", text):
        return {"chars": [ord(char) for char in text]}  # JSON would make one character of the two
    return text


def render_line(case: Case) -> str:
    line: dict[str, object] = {"name": case.name, "call": case.call}
    if case.options:
        line["options"] = {name: spell(value) for name, value in case.options.items()}
    if case.replace:
        line["replace"] = {name: spell(value) for name, value in case.replace.items()}
    if case.arguments:
        line["arguments"] = spell(list(case.arguments))
    if case.keywords:
        line["keywords"] = {name: spell(value) for name, value in case.keywords.items()}
    line.update(replay(line, syslogfast._encoder_py))
    text = json.dumps(line)
    return re.sub(r"\\ud[89ab]..\\ud[c-f]..", lambda pair: json.loads(f'"{pair.group()}"'), text)


def render() -> str:
    return "".join([render_line(case) + "\n" for case in list_cases()])


if __name__ == "__main__":
    PATH.write_text(render(), encoding="utf-8")
