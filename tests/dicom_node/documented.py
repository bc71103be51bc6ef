"""Files of the configuration that explain themselves: keys in comments, and examples.

A key that stands in a comment is uncommented here. `(example)` before a key, or in the comment
before a section, says that what is shown is not the default.
"""

import re

EXAMPLE = "(example)"
HEAD = re.compile(r"\[+(\w+)\]+")
#: A key and its value, whether in a comment or not; prose has no ` = ` after its first word.
KEY = re.compile(r"(?:# )?((\w+) = .+)")


def uncommented(text: str) -> str:
    """The file with every key of it in effect."""
    return "\n".join(key[1] if (key := KEY.fullmatch(line)) else line for line in text.split("\n"))


def examples(text: str) -> set[tuple[str, str]]:
    """Sections and keys that are marked; of a marked section all, as the key `*`."""
    found, section, is_marked = set(), "", False
    for line in text.splitlines():
        if head := HEAD.fullmatch(line):
            section = head[1]
        name = "*" if head else key[2] if (key := KEY.fullmatch(line)) else ""
        if name and is_marked:
            found.add((section, name))
        is_marked = line.startswith("#") and not name and (is_marked or line.endswith(EXAMPLE))
    return found
