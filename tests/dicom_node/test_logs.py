"""Standard error as one JSON object a line, whoever writes there and however the process ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: What lines of one association, job or delivery have in common.
ID_KEYS = ("association", "job_id", "delivery_id")
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


def test_what_is_bound_is_said_by_every_line_of_the_block_and_of_its_thread_alone() -> None:
    code = """
def other():
    logs.bind(association="a1")
    logging.warning("of another thread")
with logs.bound(job_id=7):
    with logs.bound(delivery_id=8):
        logging.warning("within", extra={"job_id": 9})
    logging.warning("without")
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
logging.warning("behind")
"""
    found = [json.loads(line) for line in stderr_of("-c", AS_JSON + code)]
    ids = {one["event"]: {key: one[key] for key in one if key in ID_KEYS} for one in found}
    assert ids == {
        "within": {"job_id": 9, "delivery_id": 8},
        "without": {"job_id": 7},
        "of another thread": {"association": "a1"},
        "behind": {},
    }


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


@pytest.mark.parametrize("prepare", [AS_JSON, f"{PREPARE}logs.configure(as_json=False)\n"])
def test_what_a_sender_chose_begins_no_line_and_has_an_end(prepare: str) -> None:
    uid = "1\n12:00:00 stored" + 9 * "\x1b[2J" + 9999 * "9"
    code = f"{prepare}logging.warning('refused', extra={{'uid': {uid!r}}})"
    (line,) = stderr_of("-c", code)
    assert len(line) < 2000
    assert "(1" in line
    assert "\x1b" not in line


OURS = "logging.getLogger('x').info('received')\n"
A_CHILDS = """os.write(2, b'{"event": "received"}\\n')\n"""
A_LIBRARYS = "os.write(2, b'libjpeg: corrupt data\\n')\n"


@pytest.mark.parametrize(
    ("as_json", "line"), [(True, OURS), (True, A_CHILDS), (True, A_LIBRARYS), (False, OURS)]
)
def test_a_log_that_nobody_reads_any_more_holds_nothing_up(as_json: bool, line: str) -> None:
    """Whoever read it has ended: a terminal, `tee`, a collector of logs."""
    # More than a pipe holds.
    code = f"{PREPARE}logs.configure(as_json={as_json})\nfor _ in range(5000): {line}print('on')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    with process, process.stdout:
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()
        assert process.stdout.read() == b"on\n"
