"""The infected percentage of each lung by date, as SVG."""

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

from dicom_node.ops.asked.earlier import Point

#: Units of the drawing; CSS says how large it is shown.
_WIDTH, _HEIGHT, _EDGE = 320, 72, 6
_SCALES = (25, 50, 75, 100)


def course(points: Sequence[Point]) -> Markup:
    """The oldest on the left; the table beside it says the same in words."""
    values = [value for one in points for value in (one.left, one.right) if value is not None]
    top = next(scale for scale in _SCALES if scale >= max(values, default=0))
    days = [date.fromisoformat(one.taken[:10]).toordinal() for one in points]
    span = max(1, days[-1] - days[0])
    places = [_EDGE + (_WIDTH - 2 * _EDGE) * (day - days[0]) / span for day in days]
    lines = Markup("").join(
        _line([(x, _y(value, top)) for x, value in zip(places, side, strict=True)
               if value is not None], name)
        for name, side in (("left", [one.left for one in points]),
                           ("right", [one.right for one in points]))
    )  # fmt: skip
    said = f"Infected percentage of each lung by date, 0 to {top} %"
    return Markup(
        '<svg class="course" viewBox="0 0 {width} {height}" role="img" aria-label="{said}">'
        '<title>{said}</title><path class="axis" d="M0 {low}H{width}M0 {high}H{width}"/>'
        "{lines}</svg>"
    ).format(width=_WIDTH, height=_HEIGHT, said=said, low=_HEIGHT - _EDGE, high=_EDGE, lines=lines)


def _y(value: float, top: int) -> float:
    return _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * value / top


def _line(points: Sequence[tuple[float, float]], name: str) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    discs = Markup("").join(
        Markup('<circle cx="{x}" cy="{y}" r="3"/>').format(x=f"{x:.1f}", y=f"{y:.1f}")
        for x, y in points
    )
    return Markup('<g class="{name}"><polyline points="{path}"/>{discs}</g>').format(
        name=name, path=path, discs=discs
    )
