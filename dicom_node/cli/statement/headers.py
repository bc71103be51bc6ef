"""Which attributes of a received instance are used, and for what (PS3.2 A.8.1.2): all that the code
names which reads them, so that none is forgotten.
"""

import ast
from collections.abc import Iterator
from importlib import import_module
from inspect import getfile
from pathlib import Path

from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.tag import Tag

from dicom_node.cli.statement.markdown import table

#: Modules that read headers, by what for; of a package all of its modules.
_READERS = {
    "whether it is analysed": ("dicom_node.intake.eligibility",),
    "by what it is found, and compared": ("dicom_node.intake.indexing",),
    "what it takes back": ("dicom_node.intake.rejection",),
    "gray values, and whether they can be trusted": ("inference.decoding", "inference.gray"),
    "which way up, how large, how old": (
        "inference.decode", "inference.direction", "inference.orientation", "inference.patient_age",
    ),
}  # fmt: skip
#: Groups of the message and of the file, not of the instance.
_NOT_OF_THE_INSTANCE = (0x0000, 0x0002)
#: Characters of the shortest keyword; UID is pydicom's class.
_SHORTEST = 4
#: And one that is as short.
_SHORT = "KVP"


def used() -> str:
    """Keyword, tag, purpose."""
    purposes: dict[int, list[str]] = {}
    for purpose, modules in _READERS.items():
        for tag in sorted({tag for module in modules for tag in _tags(module)}):
            purposes.setdefault(tag, []).append(purpose)
    rows = (
        (dictionary_description(tag), Tag(tag), "; ".join(found))
        for tag, found in sorted(purposes.items())
    )
    return table(("attribute", "tag", "used for"), rows)


def _tags(module: str) -> Iterator[int]:
    path = Path(getfile(import_module(module)))
    for source in path.parent.glob("*.py") if path.name == "__init__.py" else (path,):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            match node:
                case ast.Constant(value=str(name)) | ast.Attribute(attr=name):
                    tag = (
                        tag_for_keyword(name) if len(name) >= _SHORTEST or name == _SHORT else None
                    )
                    if tag is not None and tag >> 16 not in _NOT_OF_THE_INSTANCE:
                        yield tag
