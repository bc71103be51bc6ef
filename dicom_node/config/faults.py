"""What is wrong with a configuration, in the words of the person who wrote the file."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dicom_node.config.values import REFUSED
from dicom_node.spelling import did_you_mean

#: What a person is asked for, by the type of pydantic's error.
_WORDS = {
    "string_type": "text in quotes",
    "path_type": "text in quotes",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "tuple_type": "a list in brackets",
    "model_type": "a table of keys",
    "dict_type": "a table of keys",
}
_NOT_A_TABLE = ("model_type", "dict_type")
#: Keys that end so hold seconds.
_SECONDS = "_s"


def faults_of(
    error: ValidationError, model: type[BaseModel], document: Mapping[str, Any]
) -> list[str]:
    """Of a whole document, `model` being what it should have been."""
    sections = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    return [fault for each in error.errors() for fault in _of_document(each, sections, document)]


def faults_in(
    error: ValidationError, model: type[BaseModel], where: str, entry: Mapping[str, Any]
) -> list[str]:
    """Of one section, which is said to stand at `where`."""
    return [
        fault
        for each in error.errors()
        for fault in _of_section(each, each["loc"], _keys(model) - set(entry), where)
    ]


def where_is(section: str, number: int) -> str:
    """Where an entry of a section stands that may be there several times, counted from 1."""
    return f"[[{section}]] number {number}"


def _of_document(
    error: ErrorDetails, sections: Mapping[str, Any], document: Mapping[str, Any]
) -> Iterator[str]:
    section, loc = str(error["loc"][0]), error["loc"][1:]
    if not loc:
        yield from _of_whole(error, section, sections)
        return
    where, entry = f"[{section}]", document.get(section, {})
    if isinstance(loc[0], int):
        where, entry = where_is(section, loc[0] + 1), entry[loc[0]]
        loc = loc[1:]
    given = set(entry) if isinstance(entry, Mapping) else set()
    yield from _of_section(error, loc, _keys(_model(sections[section])) - given, where)


def _of_whole(error: ErrorDetails, section: str, sections: Mapping[str, Any]) -> Iterator[str]:
    match error["type"]:
        case "extra_forbidden":
            yield f"[{section}] is not a known section{did_you_mean(section, sections)}"
        case "tuple_type":
            yield written_as_list(section)
        case kind if kind == REFUSED:
            # What concerns several sections names them itself.
            yield from error["ctx"]["faults"]
        case _:
            yield f"[{section}] must be a table of keys"


def written_as_list(section: str) -> str:
    return f"[{section}] must be written [[{section}]], once for each"


def _of_section(
    error: ErrorDetails, loc: tuple[int | str, ...], unused: Collection[str], where: str
) -> Iterator[str]:
    at = " ".join(
        [where, *(f"number {1 + step}" if isinstance(step, int) else step for step in loc)]
    )
    at, kind = at.strip(), error["type"]
    if kind == REFUSED:
        # Without a key: what concerns several of them names them itself.
        key = " ".join([where, *map(str, loc[:1])]).strip()
        yield from (f"{key} {fault}" for fault in error["ctx"]["faults"])
    elif kind == "missing":
        yield f"{at} is missing"
    elif kind == "extra_forbidden":
        yield f"{at} is not a known key{did_you_mean(str(loc[-1]), unused)}"
    elif kind == "greater_than_equal":
        yield f"{at} must be at least {error['ctx']['ge']}"
    elif kind == "less_than_equal":
        yield f"{at} must be at most {error['ctx']['le']}"
    elif kind == "literal_error":
        yield f"{at} must be {error['ctx']['expected']}"
    else:
        yield f"{at} must be {_wanted(kind, str(loc[-1]) if loc else '', error)}"


def _wanted(kind: str, key: str, error: ErrorDetails) -> str:
    words = _WORDS.get(kind, error["msg"])
    return f"{words} of seconds" if kind == "float_type" and key.endswith(_SECONDS) else words


def _keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _model(annotation: Any) -> type[BaseModel]:
    """A section's, whether it may be there once or several times."""
    model: type[BaseModel] = get_args(annotation)[0] if get_args(annotation) else annotation
    return model
