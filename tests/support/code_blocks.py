"""What pages show: the blocks of code in them."""

import pathlib
import re


def list_blocks(page: pathlib.Path, language: str) -> list[str]:
    """Return the blocks of a page that are in one language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
