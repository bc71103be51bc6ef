"""Which way up a radiograph lies and which polarity it has, by what the lung network makes of it.

The networks learned from upright chests with dark air, and hesitate over any other. So an image
over which the lung network hesitates is shown to it lying the other three ways too, and inverted,
and the way it is surest of is taken. Where a second way is about as sure, nothing is concluded.
Patient Orientation stays law: where the image contradicts it, nothing is concluded either.

A mirrored chest is not noticed: the networks learned from mirrored ones as well.

The limits (`inference.pipeline.Settings`) were chosen with 440 images of COVID-QU-Ex Train in all
eight ways. All were surest upright, by 0.021 at the least; whichever way they lay, none was taken
for another way, and at most one remained undetermined (0.2 %; below 1.3 %, 95 % confidence).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.decode import Radiograph
from inference.engines import Engine
from inference.findings import Caution
from inference.lungs import Lungs, find_lungs
from inference.orientation import TURNS, UNKNOWN, Orientation
from inference.pipeline import STANDARD, Settings

CANNOT_TELL = "It cannot be told which way up the image lies, or whether it is inverted."
CONTRADICTED = "The image seems to lie another way than Patient Orientation says."


@dataclass(frozen=True, slots=True)
class View:
    """The radiograph as it was analysed."""

    radiograph: Radiograph  #: turned and inverted where that was needed, and says so
    lungs: Lungs  #: in its upright square
    infection: NDArray[np.float32]  #: (size, size), 0..1, likewise
    strangeness: float  #: `ProbabilityMaps.strangeness` of the image so
    doubt: str | None  #: why nothing may be concluded from them; None where it may


@dataclass(frozen=True, slots=True)
class _Look:
    """What the networks make of the square, turned and inverted in one of eight ways."""

    turn: Orientation
    is_inverse: bool
    lungs: Lungs
    infection: NDArray[np.float32]  #: (size, size), 0..1
    strangeness: float
    sureness: float  #: certainty, 0..1; less a handicap of lungs that touch or of one alone

    @property
    def has_lungs(self) -> bool:
        """Plausible ones."""
        return self.lungs.fault is None


def segment_upright(
    radiograph: Radiograph,
    square: NDArray[np.float32],
    engine: Engine,
    settings: Settings = STANDARD,
) -> View:
    """What is seen in `square`, (size, size), lying the way that shows lungs most surely."""
    looks: list[_Look] = []
    for look in _looks(square, engine, settings):
        looks.append(look)
        if look.sureness >= settings.upright_in_no_doubt:
            break
    return _judge(radiograph, looks, settings)


def _judge(radiograph: Radiograph, looks: list[_Look], settings: Settings) -> View:
    """`looks`, the first of them as the header has it, or is assumed to."""
    as_given = looks[0]
    surest, *others = sorted(looks, key=lambda look: look.sureness, reverse=True)
    is_clear = not others or surest.sureness >= others[0].sureness + settings.upright_surer_by
    if is_clear and surest is as_given:
        return _view(radiograph, as_given, None)
    if is_clear and surest.has_lungs and surest.sureness >= settings.least_to_overrule:
        return _overrule(radiograph, as_given, surest)
    # Where there are no lungs, that is the better reason.
    is_in_doubt = as_given.has_lungs and not radiograph.orientation.known
    doubt = CANNOT_TELL if is_in_doubt else None
    return _view(radiograph, as_given, doubt)


def _overrule(radiograph: Radiograph, as_given: _Look, surest: _Look) -> View:
    is_turned = surest.turn != UNKNOWN
    if is_turned and radiograph.orientation.known:
        contradicted = radiograph.with_cautions(Caution.ORIENTATION_CONTRADICTED)
        return _view(contradicted, as_given, CONTRADICTED)
    if is_turned:
        radiograph = replace(radiograph, orientation=surest.turn)
        radiograph = radiograph.with_cautions(Caution.ORIENTATION_CORRECTED)
    if surest.is_inverse:
        radiograph = replace(radiograph, pixels=1 - radiograph.pixels)
        radiograph = radiograph.with_cautions(Caution.POLARITY_CORRECTED)
    return _view(radiograph, surest, None)


def _view(radiograph: Radiograph, look: _Look, doubt: str | None) -> View:
    return View(radiograph, look.lungs, look.infection, look.strangeness, doubt)


def _looks(square: NDArray[np.float32], engine: Engine, settings: Settings) -> Iterator[_Look]:
    """As given, turned, and inverted unless the polarity is in no doubt by then.

    One by one, since the first that is sure ends it: together they would cost a CPU 7 % less.
    """
    surest = 0.0
    for is_inverse in (False, True):
        if surest >= settings.polarity_in_no_doubt:
            return
        for turn in TURNS:
            turned = np.ascontiguousarray(turn.upright(1 - square if is_inverse else square))
            look = _look(turn, is_inverse, turned, engine, settings)
            surest = max(surest, look.sureness)
            yield look


def _look(
    turn: Orientation,
    is_inverse: bool,
    turned: NDArray[np.float32],
    engine: Engine,
    settings: Settings,
) -> _Look:
    maps = engine.segment(turned[None])
    lungs = find_lungs(maps.lung[0], settings)
    handicap = settings.unusual_lungs_handicap if lungs.sides.cautions else 0
    strangeness, sureness = float(maps.strangeness[0]), lungs.certainty - handicap
    return _Look(turn, is_inverse, lungs, maps.infection[0], strangeness, sureness)
