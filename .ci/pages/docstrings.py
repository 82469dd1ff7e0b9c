"""Makes Markdown of docstrings as this project writes them.

Options stand in a paragraph of `name: text` lines, whose further lines are indented; sessions begin
with ">>>"; records stand in paragraphs of their own.
"""

import re
from typing import Any

from griffe import Extension, Object

OPTION = re.compile(r"(?!\w+Error\b)(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.*)")
RECORD = re.compile(r"^(?:[\w@./ -]* )?<\d{1,3}>\d? ?", re.MULTILINE)


def list_paragraphs(text: str) -> list[str]:
    return [paragraph for paragraph in re.split(r"\n\s*\n", text.strip()) if paragraph]


def write_options(paragraph: str) -> str:
    """Return a paragraph of options as a list; as it is, where it is another one."""
    lines = paragraph.splitlines()
    items = [OPTION.fullmatch(line) for line in lines if not line.startswith("    ")]
    if not all(items) or lines[0].startswith("    "):
        return paragraph
    written = []
    for line in lines:
        option = None if line.startswith("    ") else OPTION.fullmatch(line)
        if option is None:
            written.append(f"    {line.strip()}")
            continue
        names = ", ".join(f"`{name}`" for name in option[1].split(", "))
        written.append(f"- {names}: {option[2]}")
    return "\n".join(written)


def write_markdown(text: str) -> str:
    written = []
    for paragraph in list_paragraphs(text):
        if paragraph.startswith(">>> "):
            written.append(f"```pycon\n{paragraph}\n```")
        elif RECORD.match(paragraph):
            written.append(f"```text\n{paragraph}\n```")
        else:
            written.append(write_options(paragraph))
    return "\n\n".join(written)


class Docstrings(Extension):
    def on_object(self, *, obj: Object, **others: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = write_markdown(obj.docstring.value)
