"""Where in its file a key of the configuration stands: the line that a person is to change.

Values are never quoted: some are passwords.
"""

import re
from pathlib import Path

from dicom_node.cli.checks.check import Key

_HEADER = re.compile(r"\s*\[(?P<several>\[?)\s*(?P<name>[\w.-]+)\s*\]")
_KEY = re.compile(r"""\s*["']?(?P<name>[\w-]+)["']?\s*=""")


class Lines:
    """Of one file; of none where the node is run by options alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[Key, int] = {}
        self._sections: dict[tuple[str, int], int] = {}
        if path is not None:
            self._read(path.read_text("utf-8").splitlines())

    def where(self, key: Key) -> str:
        """`node.toml line 14, [node] port`, or where it is to be added."""
        brackets = "[[]]" if key.section in ("destination", "caller") else "[]"
        half = len(brackets) // 2
        named = f"{brackets[:half]}{key.section}{brackets[half:]} {key.name}"
        if self._path is None:
            return named
        if line := self._found.get(key):
            return f"{self._path} line {line}, {named}"
        if line := self._sections.get((key.section, key.number)):
            return f"{self._path}, {named}: to be added below line {line}"
        return f"{self._path}, {named}: to be added"

    def _read(self, lines: list[str]) -> None:
        section, number = "", 0
        for at, text in enumerate(lines, 1):
            if header := _HEADER.match(text):
                section = header["name"]
                earlier = sum(name == section for name, _ in self._sections)
                number = earlier if header["several"] else 0
                self._sections.setdefault((section, number), at)
            elif key := _KEY.match(text):
                self._found.setdefault(Key(section, key["name"], number), at)
