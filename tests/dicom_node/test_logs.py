"""Standard error as one JSON object a line, whoever writes there and however the process ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PREPARE = "import logging, os, sys, threading, warnings\nfrom dicom_node import logs\n"
AS_JSON = f"{PREPARE}logs.configure(as_json=True)\n"
PARENT = """
import multiprocessing, os
from dicom_node import logs

def child():
    logs.configure(as_json=True, is_child=True)
    os.write(2, b"libfoo: cannot go on\\n")
    os.abort()

if __name__ == "__main__":
    logs.configure(as_json=True)
    process = multiprocessing.get_context("spawn").Process(target=child)
    process.start()
    process.join()
"""


def stderr_of(*arguments: str) -> list[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stderr.splitlines()


@pytest.mark.parametrize(
    ("code", "event"),
    [
        ("logging.getLogger('x').info('received')", "received"),
        ("os.write(2, b'libjpeg: corrupt data\\n')", "libjpeg: corrupt data"),
        ("print('half a line', end='', file=sys.stderr)", "half a line"),
        ("os.write(2, b'{not json}\\n')", "{not json}"),
        ("raise ValueError('nobody foresaw')", "ended by an unexpected error"),
        ("threading.Thread(target=lambda: 1 / 0).start()", "ended by an unexpected error"),
        ("logs.say_fault('wrong port')", "wrong port"),
    ],
)
def test_whatever_is_written_there_is_a_json_line(code: str, event: str) -> None:
    (line,) = stderr_of("-c", AS_JSON + code)
    assert json.loads(line)["event"] == event


def test_a_traceback_is_inside_its_line() -> None:
    (line,) = stderr_of("-c", f"{AS_JSON}raise ValueError('nobody foresaw')")
    assert "ValueError: nobody foresaw" in json.loads(line)["traceback"]


@pytest.mark.parametrize("as_json", [True, False])
def test_warnings_of_libraries_which_may_quote_a_header_are_not_written(as_json: bool) -> None:
    code = f"{PREPARE}logs.configure(as_json={as_json})\nwarnings.warn('Invalid value DOE^JOHN')"
    assert stderr_of("-c", code) == []


def test_the_last_words_of_a_child_that_crashes_are_kept(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(PARENT)
    lines = stderr_of(str(script))
    assert [json.loads(line)["event"] for line in lines] == ["libfoo: cannot go on"]


def test_at_a_terminal_a_fault_is_one_plain_line() -> None:
    code = f"{PREPARE}logs.configure(as_json=False)\nlogs.say_fault('wrong port')"
    assert stderr_of("-c", code) == ["cxr-node: wrong port"]
