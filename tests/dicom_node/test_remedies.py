"""What `status` and `job` say that can be done about a failure or a refusal."""

import inspect
import re
from datetime import UTC, datetime

import pytest

from dicom_node import errors
from dicom_node.__main__ import build_parser
from dicom_node.ledger import Failure, Refusal
from dicom_node.ops.remedies import BY_ERROR, refusal_remedy, remedy

ERRORS = [
    name
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if found.__module__ == errors.__name__
]


def failure(event: str, error: str, reason: str) -> Failure:
    return Failure(7, "1.2.3", datetime.now(UTC), reason, event, error)


@pytest.mark.parametrize(
    ("event", "error", "reason", "said"),
    [
        ("failed", "Undecodable", "cut short", "send it again from where it was made"),
        ("failed", "DamagedInSpool", "is missing", "check the disk"),
        ("failed", "InvalidResult", "no lungs", "requeue --job 7"),
        ("failed", "KeyError", "unexpected", "report it with the traceback"),
        ("given up after its workers vanished", "", "died 4 times", "out of memory"),
    ],
)
def test_the_remedy_is_one_that_can_work(event: str, error: str, reason: str, said: str) -> None:
    assert said in remedy(failure(event, error, reason))


@pytest.mark.parametrize(
    ("is_lost", "said"), [(False, "ask why the destination refuses it"), (True, "check the disk")]
)
def test_so_is_that_of_what_was_refused_or_lost(is_lost: bool, said: str) -> None:
    told = refusal_remedy(Refusal(7, "1.2.3", "PACS", datetime.now(UTC), "why", 1, is_lost))
    assert said in told
    assert "requeue --job 7 --state REFUSED" in told


def test_every_class_of_errors_has_a_remedy_and_nothing_else_has() -> None:
    assert len(ERRORS) > 15
    assert set(BY_ERROR) == set(ERRORS)


@pytest.mark.parametrize("error", [*ERRORS, "KeyError"])
def test_every_command_in_a_remedy_is_one_that_there_is(error: str) -> None:
    said = remedy(failure("failed", error, "a reason"))
    for command in re.findall(r"cxr-node ([a-z]+(?: --job \d+)?)", said):
        build_parser().parse_args(command.split())
