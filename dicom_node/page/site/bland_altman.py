"""How far two pipelines' percentages differ, in a small drawing (Bland and Altman 1986), as SVG."""

from collections.abc import Sequence

from markupsafe import Markup

from dicom_node.ops.asked.differences import Agreement, Point

#: Units of the drawing; CSS says how large it is shown.
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _BOTTOM, _TOP = 640, 320, 44, 44, 28, 12
#: More dots than this say no more, and make a page heavy: those that differ most are drawn.
_MOST = 2000


def bland_altman(agreement: Agreement) -> Markup:
    """The mean of both from left to right, tried minus sent upwards; lines at bias and limits."""
    most = max(abs(point.difference) for point in agreement.points)
    reach = max(10.0, most, abs(agreement.lower), abs(agreement.upper)) * 1.05
    said = (
        f"Tried minus sent over their mean, {len(agreement.points)} images: bias"
        f" {agreement.bias:+.1f} points, 95 % between {agreement.lower:+.1f} and"
        f" {agreement.upper:+.1f}"
    )
    lines = [
        # At the other end than the limits, which would cover it where they are close.
        _line(agreement.bias, reach, "bias", f"{agreement.bias:+.1f}", at_end=True),
        _line(agreement.lower, reach, "limit", f"{agreement.lower:+.1f}"),
        _line(agreement.upper, reach, "limit", f"{agreement.upper:+.1f}"),
        _line(0.0, reach, "zero", ""),
    ]
    return Markup(
        '<svg class="bland" viewBox="0 0 {width} {height}" role="img" aria-label="{said}">'
        "<title>{said}</title>{lines}{dots}{axis}</svg>"
    ).format(
        width=_WIDTH,
        height=_HEIGHT,
        said=said,
        lines=Markup("").join(lines),
        dots=Markup("").join(_dot(point, reach) for point in _shown(agreement.points)),
        axis=Markup("").join(_tick(percent) for percent in (0, 25, 50, 75, 100)),
    )


def _shown(points: Sequence[Point]) -> Sequence[Point]:
    return sorted(points, key=lambda point: -abs(point.difference))[:_MOST]


def _x(mean: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * mean / 100


def _y(difference: float, reach: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - difference / reach) / 2


def _dot(point: Point, reach: float) -> Markup:
    return Markup('<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>').format(
        x=_x(point.mean), y=_y(point.difference, reach)
    )


def _line(at: float, reach: float, kind: str, label: str, *, at_end: bool = False) -> Markup:
    return Markup(
        '<path class="{kind}" d="M{left} {y:.1f}H{right}"/><text x="{text}" y="{below:.1f}"'
        ' text-anchor="{anchor}">{label}</text>'
    ).format(
        kind=kind,
        left=_LEFT,
        right=_WIDTH - _RIGHT,
        y=_y(at, reach),
        text=_WIDTH - _RIGHT + 4 if at_end else _LEFT - 4,
        anchor="start" if at_end else "end",
        below=_y(at, reach) + 4,
        label=label,
    )


def _tick(percent: int) -> Markup:
    return Markup('<text x="{x:.1f}" y="{y}" text-anchor="middle">{percent} %</text>').format(
        x=_x(percent), y=_HEIGHT - 8, percent=percent
    )
