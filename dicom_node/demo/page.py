"""What the demo brought back, on one HTML page that opens from disk: no network, no script."""

import base64
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path

from PIL import Image

from dicom_node.demo.outcome import Outcome
from dicom_node.demo.results import Percentages

#: Longest side of the pictures on the page, in pixels; the link leads to the whole one.
THUMBNAIL = 520
_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8882; }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 74rem; padding: 2rem; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.05rem; font-weight: 600; margin: 0; }
p { margin: .4rem 0; }
.warning { border-left: .3rem solid #c60; padding-left: .8rem; }
.cases { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr));
         margin-top: 1.5rem; }
article { border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; display: flex;
          flex-direction: column; }
article > a, .none { background: #000; display: block; }
.none { color: #aaa; height: 24rem; padding: 1rem; display: grid; place-items: center;
        text-align: center; }
img { display: block; width: 100%; height: 24rem; object-fit: contain; }
.said { padding: .9rem 1rem 1rem; display: flex; flex-direction: column; gap: .5rem; }
.decision { font-weight: 600; border-radius: .3rem; padding: .15rem .55rem; align-self: start;
            border: 1px solid; }
/* Negative is not green: it may still be another pneumonia. */
.positive { color: #c2410c; }
.undetermined { color: #a16207; }
.skipped { color: #64748b; } .fault { color: #b91c1c; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 400; text-align: left; } td { text-align: right; }
th, td { border-top: 1px solid var(--soft); padding: .15rem 0; }
footer { margin-top: 2rem; font-size: .9rem; opacity: .8; }
@media (prefers-color-scheme: dark) { .positive { color: #fb923c; }
  .undetermined { color: #facc15; }
  .skipped { color: #94a3b8; } .fault { color: #f87171; } }
"""


@dataclass(frozen=True, slots=True)
class Words:
    """How a result is told to people, so that the page tells it as the report does."""

    headlines: Mapping[str, str]  #: by the decision
    percent: Callable[[float | None], str]


def write_page(outcomes: Sequence[Outcome], out: Path, words: Words) -> Path:
    """Write `out`/index.html; where it is."""
    path = out / "index.html"
    path.write_text("\n".join(_document(outcomes, out, words)) + "\n", "utf-8")
    return path


def _document(outcomes: Sequence[Outcome], out: Path, words: Words) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>CXR node: what came back</title><style>{_STYLE}</style></head>\n<body>"
    yield "<h1>CXR node: what came back</h1>"
    yield f"<p>{escape(_summary(outcomes))}</p>"
    yield '<p class="warning"><strong>Research use only. Not for diagnosis.</strong></p>'
    yield '<div class="cases">'
    for outcome in outcomes:
        yield from _card(outcome, out, words)
    yield "</div>"
    yield (
        "<footer>Decision and figures are read from the Structured Report as the PACS stored it,"
        " and compared with the pixels of the Segmentation. Time: from the last byte sent to the"
        " report stored. The picture is the overlay that the PACS got.</footer>\n</body>\n</html>"
    )


def _summary(outcomes: Sequence[Outcome]) -> str:
    returned = sum(outcome.seconds is not None for outcome in outcomes)
    skipped = sum(bool(outcome.skipped) for outcome in outcomes)
    faults = sum(bool(outcome.fault) for outcome in outcomes)
    failed = f", {faults} not as they should be" if faults else ""
    return (
        f"{len(outcomes)} radiographs sent to a node, which sent its results to a small PACS:"
        f" {returned} results came back, {skipped} skipped with a reason{failed}."
    )


def _card(outcome: Outcome, out: Path, words: Words) -> Iterator[str]:
    name = escape(outcome.name)
    yield "<article>"
    if outcome.picture is None:
        yield '<div class="none">no picture</div>'
    else:
        whole = _link(outcome.picture, out)
        image = f'<img src="{_thumbnail(outcome.picture)}" alt="Overlay of {name}">'
        yield f'<a href="{whole}">{image}</a>'
    yield f'<div class="said"><h2>{name}</h2>'
    yield from _result(outcome, words)
    links = [("overlay", outcome.picture), ("SEG", outcome.segmentation), ("SR", outcome.report)]
    said = [f'<a href="{_link(path, out)}">{what}</a>' for what, path in links if path]
    if said:
        yield f"<p>{' · '.join(said)}</p>"
    yield "</div></article>"


def _result(outcome: Outcome, words: Words) -> Iterator[str]:
    if outcome.fault:
        yield f'<div class="decision fault">Not as it should be</div><p>{escape(outcome.fault)}</p>'
    if outcome.skipped:
        yield f'<div class="decision skipped">Skipped</div><p>{escape(outcome.skipped)}</p>'
    if outcome.decision:
        headline = words.headlines.get(outcome.decision, outcome.decision)
        yield f'<div class="decision {escape(outcome.decision)}">{escape(headline)}</div>'
        yield from _figures(outcome.percentages, words)
    if outcome.seconds is not None:
        yield f"<p>report back after {outcome.seconds:.2f} s</p>"


def _figures(percentages: Percentages | None, words: Words) -> Iterator[str]:
    if percentages is None:
        return
    rows = (
        ("left lung, infected", percentages.left),
        ("right lung, infected", percentages.right),
        ("both", percentages.both),
    )
    yield "<table>"
    for what, value in rows:
        yield f"<tr><th>{what}</th><td>{escape(words.percent(value))}</td></tr>"
    yield "</table>"


def _link(path: Path, out: Path) -> str:
    return escape(Path(os.path.relpath(path, out)).as_posix().replace("%", "%25"))


def _thumbnail(picture: Path) -> str:
    """The picture, small, inside the page itself."""
    buffer = BytesIO()
    with Image.open(picture) as image:
        image.thumbnail((THUMBNAIL * 2, THUMBNAIL))
        image.convert("RGB").save(buffer, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
