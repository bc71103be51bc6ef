"""One line per event: JSON for machines, or short text for a person at a terminal.

Modules log a past-tense sentence and give ids and UIDs as `extra`; never a patient's name or ID.
What all lines of one association, job or delivery have in common, whoever writes them, is bound.
"""

import atexit
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

#: What logging itself puts on a record; everything else came as `extra`.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
#: They speak only when something is wrong; pynetdicom and pydicom repeat what we log, and warnings
#: quote what is in a header, which may be a patient's name.
_LIBRARIES = ("pynetdicom", "pydicom", "highdicom", "alembic", "kombu", "amqp", "httpx2",
              "httpcore2", "uvicorn", "py.warnings")  # fmt: skip
#: Characters of a text that is logged.
_LONGEST = 1000
#: Ends the wrapping of what others write to standard error.
_LAST_LINE = "\x04 end of standard error\n"

#: Of the thread that logs: what its lines say beside their own `extra`, which wins.
_bound: ContextVar[Mapping[str, object]] = ContextVar("bound")

logger = logging.getLogger(__package__)


@contextmanager
def bound(**ids: object) -> Iterator[None]:
    """Every line that this thread logs within the block says these ids, libraries' lines too."""
    token = _bound.set({**_bound.get({}), **ids})
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**ids: object) -> None:
    """The same for as long as this thread lives: of one that was made for one association."""
    _bound.set({**_bound.get({}), **ids})


def configure(*, as_json: bool, is_child: bool = False, level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error.

    As JSON, nothing else gets there: what C libraries or a child write is wrapped. A child leaves
    that to its parent, so that the last words of one that crashes are not lost with it.
    """
    handler = _ToStandardError(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    if as_json and not is_child:
        _let_only_json_through(handler)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda thrown: _log_uncaught(
        thrown.exc_type, thrown.exc_value, thrown.exc_traceback
    )


def say_fault(text: str) -> None:
    """What ends a command, for the person who gave it; an event where logs are JSON."""
    (handler,) = logging.getLogger().handlers
    if isinstance(handler.formatter, JsonLines):
        logger.error(text)
    else:
        print(f"cxr-node: {text}", file=sys.stderr)


class _ToStandardError(logging.StreamHandler[TextIO]):
    """Goes on where nobody reads it any more: a terminal was closed, a collector of logs ended."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        # logging would write of it to standard error: here that is the pipe this thread reads.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, event, and whatever came as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """`12:34:56 event  key=value ...` for reading."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        extra = "".join(f"  {key}={_short(value)}" for key, value in _extra(record).items())
        text = f"{at} {level}{record.getMessage()}{extra}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def _let_only_json_through(handler: "logging.StreamHandler[TextIO]") -> None:
    """Give `handler` standard error, and everybody else a pipe whose lines it is handed."""
    number = sys.stderr.fileno()
    sys.stderr.flush()
    true_end = os.dup(number)
    read_end, write_end = os.pipe()
    os.dup2(write_end, number)
    handler.setStream(os.fdopen(true_end, "w", encoding="utf-8", buffering=1))
    wrapper = threading.Thread(target=_wrap, args=(read_end, handler), name="stderr", daemon=True)
    wrapper.start()

    def give_back() -> None:
        sys.stderr.flush()
        os.dup2(true_end, number)
        # Not the pipe's end: a helper process of multiprocessing may hold it for longer.
        os.write(write_end, f"\n{_LAST_LINE}".encode())
        wrapper.join(1.0)

    atexit.register(give_back)


def _wrap(read_end: int, handler: "logging.StreamHandler[TextIO]") -> None:
    with os.fdopen(read_end, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line == _LAST_LINE:
                return
            if not line.strip():
                continue
            if _is_object(line):
                # To be read on where nobody reads ours: whoever writes here would wait for ever.
                with handler.lock or nullcontext(), suppress(OSError):
                    handler.stream.write(line)
                continue
            # A library's, or the last words of a child that crashed.
            said = {"name": "stderr", "levelno": logging.WARNING, "levelname": "WARNING"}
            handler.handle(logging.makeLogRecord(said | {"msg": line.strip()}))


def _is_object(text: str) -> bool:
    try:
        return text.startswith("{") and isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    if not issubclass(kind, (KeyboardInterrupt, SystemExit)):
        exc_info = (kind, error or kind(), traceback)
        logger.critical("ended by an unexpected error", exc_info=exc_info)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    said = {key: value for key, value in record.__dict__.items() if key not in _STANDARD}
    # Formatted where it was logged: in the thread whose ids these are.
    return {key: _bounded(value) for key, value in {**_bound.get({}), **said}.items()}


def _bounded(value: Any) -> Any:
    """A sender chooses the UIDs it is quoted by, and a server what it answers."""
    if not isinstance(value, str) or len(value) <= _LONGEST:
        return value
    return f"{value[:_LONGEST]}... ({len(value)} characters)"


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, dict):
        return ",".join(f"{key}:{_short(part)}" for key, part in value.items())
    # Nobody begins a line of his own, or moves the terminal's cursor.
    text = "".join(one if one.isprintable() else " " for one in str(value))
    return f'"{text}"' if " " in text else text
