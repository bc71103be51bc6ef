"""Templates: all that is put into them is text, whoever wrote it, and never becomes markup.

What other machines sent is one line of harmless characters besides (`said`): no browser shows an
override that turns a line around.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from dicom_node.ledger import Measured
from dicom_node.ops.wording import age, line, moment
from dicom_node.page.site.bland_altman import bland_altman
from dicom_node.page.site.sparklines import sparkline

_FOLDER = files("dicom_node.page") / "templates"
#: How a state looks: a shape beside the word, so that nobody needs the color.
_LOOKS: Mapping[str, str] = MappingProxyType(
    {
        state: look
        for look, states in {
            "good": ("Working", "ok", "alive", "DELIVERED", "VERIFIED", "BUILT"),
            "warn": ("Degraded", "declining", "resting", "UNVERIFIED", "SUBSTITUTED"),
            "bad": ("Stopped", "not reached", "refusing", "vanished", "stuck", "FAILED", "REFUSED",
                    "DEAD", "GIVEN_UP", "DAMAGED", "INCOMPLETE"),
            "busy": ("RECEIVED", "ANALYZING", "WAITING", "SENT"),
            "off": ("HELD", "KEPT", "paused", "silent", "SKIPPED", "WITHDRAWN", "RETRACTED",
                    "not configured"),
        }.items()
        for state in states
    }
)  # fmt: skip
_SHAPES = {"good": "●", "warn": "▲", "bad": "■", "busy": "◐", "off": "○"}


def _source(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _look(state: str) -> str:
    return _LOOKS.get(str(state), "off")


def _ago(at: datetime | None, now: datetime | None = None) -> str:
    """`3 min`: as long ago as that."""
    return "" if at is None else span(((now or datetime.now(UTC)) - at).total_seconds())


def span(seconds: float | None) -> str:
    """`12 s`, `4 min`, `2 h 5 min`, `3 days`: as a person says it."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} %"


def _measured(value: Measured, name: str) -> str:
    """`58.2 % ± 9.7`; brightness and contrast are shares of the gray range."""
    if value.mean is None:
        return "–"
    if name not in ("brightness", "contrast"):
        return f"{value.mean:.2f} ± {value.deviation:.2f}"
    return f"{100 * value.mean:.1f} % ± {100 * value.deviation:.1f}"


_ENVIRONMENT = Environment(
    loader=FunctionLoader(_source),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "age": age,
    "bland_altman": bland_altman,
    "ago": _ago,
    "look": _look,
    "measured": _measured,
    "moment": moment,
    "percent": _percent,
    "said": lambda text: line(str(text or "")),
    "share": lambda value: "–" if value is None else _percent(100 * value),
    "shape": lambda state: _SHAPES[_look(state)],
    "span": span,
    "sparkline": sparkline,
    # An alert: a drift has its evidence with it.
    "told": lambda text: line(str(text or ""), 400),
    "uid": lambda text: line(str(text or ""), 64),
}


def render(template: str, **values: Any) -> str:
    return _ENVIRONMENT.get_template(template).render(**values)
