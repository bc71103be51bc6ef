"""The figures on one page of HTML, for a meeting or a printer: nothing in it is from elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from dicom_node.cli.trial.figures import (
    DECISIONS,
    NEGATIVE,
    POSITIVE,
    UNDETERMINED,
    Agreement,
    Figures,
    Group,
    Quantiles,
)
from dicom_node.ledger import JobState
from inference.findings import Caution

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --bar: #3a76b0; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .4rem; }
table { border-collapse: collapse; margin: .4rem 0; }
th, td { text-align: right; padding: .25rem .7rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; }
.said td { text-align: left; }
td.bar { width: 12rem; text-align: left; }
td.bar i { display: block; height: .7rem; background: var(--bar); }
p.note { color: GrayText; margin: .2rem 0; }
.sign td { height: 2.4rem; min-width: 14rem; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } h2 { break-after: avoid; }
  tr { break-inside: avoid; } }
"""
_NOT_SAID = "–"


@dataclass(frozen=True, slots=True)
class About:
    """What was tried."""

    node: str  #: AE title and host
    version: str
    pipeline: Mapping[str, str]  #: what analysed: networks, operating point
    silent: Sequence[str]  #: destinations that nothing was sent to
    written_at: str


def page(figures: Figures, about: About) -> str:
    """A document of its own; all that came from elsewhere is escaped."""
    title = f"Acceptance report of {about.node}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{_day(figures)} · written {escape(about.written_at)} · no patient data: no name, no"
        " identifier, no accession number, no UID</p>",
        _what_was_tried(about),
        _totals(figures),
        _decisions(figures.all),
        _devices(figures.devices),
        _days(figures),
        _agreement(figures),
        _reasons("Undetermined, by reason", figures.undetermined),
        _reasons("Skipped, by reason", figures.skipped),
        _reasons("Failed, by reason", figures.failed),
        _reasons("Cautions", [(_in_words(code), count) for code, count in figures.cautions]),
        _decision_of_the_site(),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def _day(figures: Figures) -> str:
    return f"{figures.since:%Y-%m-%d %H:%M} to {figures.until:%Y-%m-%d %H:%M} UTC"


def _what_was_tried(about: About) -> str:
    silent = ", ".join(about.silent) or "none: results were sent"
    rows = {"version": about.version, **about.pipeline, "silent destinations": silent}
    body = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in rows.items())
    return f"<h2>What was tried</h2><table class=said>{body}</table>"


def _totals(figures: Figures) -> str:
    group, states = figures.all, figures.all.states
    waiting = states[JobState.RECEIVED] + states[JobState.ANALYZING]
    rows = [
        ["radiographs received", group.received, ""],
        ["analysed", group.analysed, _percent(group.analysed, group.received)],
        ["skipped", states[JobState.SKIPPED], _percent(states[JobState.SKIPPED], group.received)],
        ["failed", states[JobState.FAILED], _percent(states[JobState.FAILED], group.received)],
        ["not finished", waiting, _percent(waiting, group.received)],
        ["other objects, passed over by their class", figures.not_radiographs, ""],
    ]
    took = figures.took_s
    return (
        "<h2>How many, how fast</h2>"
        + _table(["", "images", "share"], rows)
        + f"<p>From receipt until the results were there: median {_seconds(took.median)}, 95 %"
        f" within {_seconds(took.p95)}, the longest {_seconds(took.highest)}.</p>"
    )


def _decisions(group: Group) -> str:
    rows = [
        [name, group.decisions[name], _percent(group.decisions[name], group.analysed),
         _bar(group.decisions[name], group.analysed)]
        for name in DECISIONS
    ]  # fmt: skip
    return (
        "<h2>Decisions</h2>"
        + _table(["", "images", "of those analysed", ""], rows)
        + f"<p>Infected share of both lungs, where it can be said: {_range(group.percent)}."
        f" {group.cautioned} of {group.analysed} carry a caution.</p>"
    )


def _devices(groups: Iterable[Group]) -> str:
    rows = [
        [
            group.name, group.received,
            *(_percent(group.decisions[name], group.analysed) for name in DECISIONS),
            _number(group.percent.median), _number(group.percent.p95),
            _percent(group.cautioned, group.analysed), group.states[JobState.FAILED],
        ]
        for group in groups
    ]  # fmt: skip
    head = ["device", "received", *DECISIONS, "infected %, median", "95 %", "cautioned", "failed"]
    note = "A device far from the others is one that the networks have not learnt from."
    return f"<h2>By device</h2>{_table(head, rows)}<p class=note>{note}</p>"


def _days(figures: Figures) -> str:
    most = max((group.received for group in figures.days.values()), default=0)
    rows = [
        [
            f"{day}", group.received, group.decisions[POSITIVE], group.decisions[UNDETERMINED],
            group.states[JobState.FAILED], _bar(group.received, most),
        ]
        for day, group in figures.days.items()
    ]  # fmt: skip
    return "<h2>By day (UTC)</h2>" + _table(
        ["", "received", POSITIVE, UNDETERMINED, "failed", ""], rows
    )


def _agreement(figures: Figures) -> str:
    found = figures.agreement
    if found is None:
        return (
            "<h2>Beside what readers said</h2><p>Nobody gave what readers said (--against): how"
            " often the node is right here is not known.</p>"
        )
    rows = [
        ["readers: infected", *(found.infected[name] for name in DECISIONS),
         sum(found.infected.values())],
        ["readers: not infected", *(found.healthy[name] for name in DECISIONS),
         sum(found.healthy.values())],
    ]  # fmt: skip
    devices = [
        [name, sum(one.infected.values()), _interval(one.sensitivity),
         sum(one.healthy.values()), _interval(one.specificity)]
        for name, one in figures.by_device.items()
    ]  # fmt: skip
    head = ["device", "infected", "called positive", "not infected", "called negative"]
    return (
        "<h2>Beside what readers said</h2>"
        + _table(["", *DECISIONS, "all"], rows)
        + f"<p>Of the infected {_interval(found.sensitivity)} are called {POSITIVE}, of the others"
        f" {_interval(found.specificity)} {NEGATIVE} (95 % intervals; undetermined counts as"
        f" neither). {_missed(found)} Of {figures.unmatched} reports there is no analysed"
        " image.</p>" + (_table(head, devices) if len(devices) > 1 else "")
    )


def _missed(found: Agreement) -> str:
    return (
        f"{found.infected[NEGATIVE]} infected were called {NEGATIVE}, {found.healthy[POSITIVE]}"
        f" others {POSITIVE}."
    )


def _reasons(title: str, reasons: Sequence[tuple[str, int]]) -> str:
    if not reasons:
        return ""
    return f"<h2>{title}</h2>" + _table(["", "images"], [[why, count] for why, count in reasons])


def _in_words(code: str) -> str:
    """What a report says by that code; of another version's, the code."""
    known = {caution.code: caution.says("it was refused") for caution in Caution}
    return known.get(code, code)


def _decision_of_the_site() -> str:
    """What is left to people, on paper."""
    asked = (
        "share of healthy chests called positive is bearable",
        "no infected chest that readers saw is called negative without a reason",
        "each device is like the others, or is left out of the routing",
        "overlays of all that differs were looked at",
        "results may be sent, from when, to which destination",
    )
    rows = "".join(f"<tr><td>{one}</td><td></td></tr>" for one in asked)
    return (
        "<h2>Decision of the site</h2><table class=sign>"
        f"<tr><th></th><th>yes / no, who, when</th></tr>{rows}</table>"
        "<p class=note>Research use only. Not for diagnosis.</p>"
    )


class _Markup(str):
    """Is HTML already."""

    __slots__ = ()


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    top = "".join(f"<th>{escape(one)}</th>" for one in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _cell(value: object) -> str:
    if isinstance(value, _Markup):
        return f"<td class=bar>{value}</td>"
    return f"<td>{escape(str(value))}</td>"


def _bar(part: int, whole: int) -> _Markup:
    width = 100 * part / whole if whole else 0
    return _Markup(f'<i style="width:{width:.0f}%"></i>')


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else _NOT_SAID


def _number(value: float | None) -> str:
    return _NOT_SAID if value is None else f"{value:.1f}"


def _seconds(value: float | None) -> str:
    return _NOT_SAID if value is None else f"{value:.1f} s"


def _range(values: Quantiles) -> str:
    if values.median is None:
        return "of no image"
    return (
        f"median {_number(values.median)} %, 95 % below {_number(values.p95)} %, highest"
        f" {_number(values.highest)} %"
    )


def _interval(found: tuple[float, float, float] | None) -> str:
    if found is None:
        return _NOT_SAID
    share, low, high = (100 * value for value in found)
    return f"{share:.1f} % ({low:.1f} to {high:.1f})"
