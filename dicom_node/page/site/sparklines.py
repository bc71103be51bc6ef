"""A few hours in a small drawing: bars, as SVG."""

from collections.abc import Sequence

from markupsafe import Markup

#: Units of the drawing; CSS says how large it is shown.
_BAR, _GAP, _HEIGHT = 3, 1, 24


def sparkline(values: Sequence[int], what: str) -> Markup:
    """The oldest on the left; `what` is said to who cannot see it, with highest and last."""
    width = len(values) * (_BAR + _GAP)
    highest = max(values, default=0)
    bars = "".join(_bar(number, value, highest) for number, value in enumerate(values))
    said = f"{what}: highest {highest}, last {values[-1] if values else 0}, sum {sum(values)}"
    return Markup(
        '<svg class="spark" viewBox="0 0 {width} {height}" role="img" preserveAspectRatio="none"'
        ' aria-label="{said}"><title>{said}</title><path d="{bars}"/></svg>'
    ).format(width=width, height=_HEIGHT, said=said, bars=Markup(bars))


def _bar(number: int, value: int, highest: int) -> str:
    # Nothing is a thin line, so that one sees where it was.
    high = max(1.0, _HEIGHT * value / highest) if value else 0.5
    return f"M{number * (_BAR + _GAP)} {_HEIGHT}v-{high:.1f}h{_BAR}v{high:.1f}z"
