"""How a network is trained: as in the paper (section 3.4), and in three ways of our own."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum


class RecipeError(ValueError):
    """The change asked for is none a recipe knows."""


class Schedule(StrEnum):
    """How the learning rate goes."""

    ONE_CYCLE = "one_cycle"  #: up, then down to nothing at the end of the budget
    PLATEAU = "plateau"  #: divided by 5 where the held-out loss stops falling


class Selection(StrEnum):
    """What says which epoch's network is kept, always on the held-out part."""

    LOSS = "loss"  #: the least loss
    DSC = "dsc"  #: the greatest DSC, mean over images


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is decided before training starts."""

    name: str
    epochs: int
    batch: int  #: images a step
    learning_rate: float  #: the greatest there will be
    weight_decay: float
    schedule: Schedule
    selection: Selection
    stop_after: int  #: epochs without improvement of the held-out loss; 0: never
    held_out: float  #: share of the images, 0..0.5, that only selects
    imagenet: bool  #: start from an encoder trained on ImageNet, where it can be had
    augment: bool
    dice_weight: float  #: of the Dice loss, beside 1 for cross-entropy
    presence_weight: float  #: of the loss on whether there is any foreground at all
    average: float  #: decay of the moving average of the weights, per step; 0: none
    balanced: bool  #: draw images with and without foreground equally often
    calibrated: bool  #: move the threshold to where the held-out DSC is greatest
    strongly_varied: float = 1.0  #: share of the images, 0..1: see `augment`
    #: Share of the images, 0..1, that may get another class's look or lungs: `style`, `transplant`.
    styled: float = 0.0
    #: Of a step's images, 0..1, that are further ones free of infection, if there are any.
    further_share: float = 0.5
    #: Likewise infected ones on which nobody drew where: they count for presence alone.
    undrawn_share: float = 0.0


#: Section 3.4 to the letter. 20 % of the training data selects; no augmentation is mentioned.
PAPER = Recipe(
    name="paper",
    epochs=40,
    batch=4,
    learning_rate=1e-4,
    weight_decay=0.0,
    schedule=Schedule.PLATEAU,
    selection=Selection.LOSS,
    stop_after=8,
    held_out=0.2,
    imagenet=True,
    augment=False,
    dice_weight=0.0,
    presence_weight=0.0,
    average=0.0,
    balanced=False,
    calibrated=False,
)

#: For when ImageNet weights cannot be had. Dice lifts the overlap, presence settles the images
#: that are empty, and the average of the weights calms what swings between the two.
SCRATCH = Recipe(
    name="scratch",
    epochs=60,
    batch=16,
    learning_rate=1e-3,
    weight_decay=1e-2,
    schedule=Schedule.ONE_CYCLE,
    selection=Selection.DSC,
    stop_after=0,
    held_out=0.1,
    imagenet=False,
    augment=True,
    dice_weight=0.5,
    presence_weight=0.1,
    average=0.998,
    balanced=False,
    calibrated=True,
)

#: With `--init ENCODER`: what is trained already is soon spoilt by a rate that suits the rest.
IMAGENET = replace(SCRATCH, name="imagenet", imagenet=True, learning_rate=5e-4, presence_weight=0.2)

#: For radiographs of hospitals that nothing was learnt from. Going on from a trained network.
STRANGERS = replace(
    SCRATCH, name="strangers", styled=1.0, batch=10, learning_rate=3e-4, presence_weight=0.2,
    average=0.98,
)  # fmt: skip

RECIPES = {recipe.name: recipe for recipe in (PAPER, SCRATCH, IMAGENET, STRANGERS)}


def adjusted(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """`recipe` with FIELD=VALUE changes; raises RecipeError that names what there is."""
    known = {field.name: getattr(recipe, field.name) for field in fields(Recipe)}
    del known["name"]
    values: dict[str, object] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in known:
            raise RecipeError(f"{change!r}: a recipe has {', '.join(known)}")
        try:
            values[name] = _parse(text, known[name])
        except ValueError as exc:
            raise RecipeError(f"{change!r}: {exc}") from exc
    return replace(recipe, **values)  # type: ignore[arg-type]


def _parse(text: str, like: object) -> object:
    """`text` as a value of the type of `like`."""
    if isinstance(like, bool):
        if text not in ("true", "false"):
            raise ValueError("true or false is wanted")
        return text == "true"
    return type(like)(text)  # type: ignore[call-arg]
