"""One line per event: JSON for machines, or short text for a person at a terminal.

Modules log a past-tense sentence and give ids and UIDs as `extra`; never a patient's name or ID.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

#: What logging itself puts on a record; everything else came as `extra`.
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure(*, as_json: bool, level: int = logging.INFO) -> None:
    """Send this process's log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Libraries speak only when something is wrong; pynetdicom and pydicom repeat what we log.
    for name in ("pynetdicom", "pydicom", "highdicom", "alembic", "kombu", "amqp"):
        logging.getLogger(name).setLevel(logging.ERROR)


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


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in _STANDARD}


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, dict):
        return ",".join(f"{key}:{_short(part)}" for key, part in value.items())
    text = str(value)
    return f'"{text}"' if " " in text else text
