"""What a reader should look at next, and how far readers agree with the node and each other.

The paper's stages II and IV (section 2.2): every image that needs a person, a random fifth of the
others, and of what one reader has judged a random fifth once more by a second.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dicom_node.ledger import Assessed, Assessment, Verdict

#: Of the images that nobody needs to look at, and of those judged once: one in so many.
_ONE_IN = 5
#: Cautions that nearly all of a site's images have, and that say nothing against what is seen.
OF_MOST_IMAGES = {
    "spacing_at_detector",
    "spacing_unknown",
    "laterality_assumed",
    "for_processing",
}
#: A number without anything in common with what order images come in (Knuth's multiplier).
_SHUFFLE = 2654435761
_SECOND = 40503


class Need(Enum):
    """Why an image is to be looked at, the most urgent first; the value is what a person reads."""

    DIFFERS = "the pipeline in the shadow decides otherwise"
    UNDETERMINED = "undetermined"
    CAUTION = "there is a caution"
    SECOND = "one reader has judged it: a second look at one in five"
    SAMPLE = "one in five, by chance"


@dataclass(frozen=True, slots=True)
class ToReview:
    """One image, and why."""

    image: Assessed
    need: Need


@dataclass(frozen=True, slots=True)
class Readers:
    """How far readers agree."""

    #: How often each verdict, by the node's decision; each reader's counts.
    verdicts: dict[str, Counter[Verdict]]
    twice: int  #: images that two readers or more judged
    same: int  #: of these the first two say the same
    kappa: float | None  #: Cohen 1960, of these; None: it cannot be said


@dataclass(frozen=True, slots=True)
class Choice:
    """How often readers said that a pipeline is right, of those that saw the same image."""

    pipeline: str
    chosen: int
    of: int  #: how often it was among those that a reader could choose


def queue(images: Sequence[Assessed], reader: str) -> list[ToReview]:
    """What `reader` has not judged and should, the most urgent and newest first."""
    found = [
        ToReview(image, need) for image in images
        if all(one.reader != reader for one in image.said) and (need := _need(image))
    ]  # fmt: skip
    order = list(Need)
    return sorted(found, key=lambda one: order.index(one.need))


def readers(images: Sequence[Assessed]) -> Readers:
    verdicts: dict[str, Counter[Verdict]] = {}
    for image in images:
        for one in image.said:
            verdicts.setdefault(image.decision, Counter())[one.verdict] += 1
    pairs = list(_pairs(images))
    same = sum(first == second for first, second in pairs)
    return Readers(verdicts, len(pairs), same, kappa(pairs))


def choices(
    pipelines: Mapping[int, Sequence[str]], said: Mapping[int, Sequence[Assessment]]
) -> list[Choice]:
    """The one that was chosen most often first (paper, section 2.2, stage III).

    Both by job: `pipelines` that which was sent and those that were tried, `said` what counts.
    """
    chosen: Counter[str] = Counter()
    offered: Counter[str] = Counter()
    for job_id, among in pipelines.items():
        for one in said.get(job_id, ()):
            if one.verdict in (Verdict.ACCEPT, Verdict.OTHER, Verdict.REJECT):
                offered.update(among)
                chosen.update(_chosen(one, among))
    found = [Choice(name, chosen[name], count) for name, count in offered.items()]
    return sorted(found, key=lambda one: (-one.chosen, one.of, one.pipeline))


def kappa(pairs: Sequence[tuple[Verdict, Verdict]]) -> float | None:
    """Agreement beyond chance, at most 1 (Cohen 1960); None without pairs, or where each always
    says the same.
    """
    if not pairs:
        return None
    firsts, seconds = (Counter(side) for side in zip(*pairs, strict=True))
    observed = sum(first == second for first, second in pairs) / len(pairs)
    chance = sum(firsts[one] * seconds[one] for one in Verdict) / len(pairs) ** 2
    return None if chance == 1 else (observed - chance) / (1 - chance)


def _chosen(said: Assessment, among: Sequence[str]) -> Sequence[str]:
    if said.verdict is Verdict.ACCEPT:
        return among[:1]
    if said.verdict is Verdict.REJECT:
        return ()
    if said.pipeline:
        return [said.pipeline] if said.pipeline in among else ()
    # Not said which: where one was tried, it can only be that.
    return among[1:] if len(among) == 2 else ()


def _need(image: Assessed) -> Need | None:
    if image.said:
        return Need.SECOND if len(image.said) == 1 and _is_drawn(image, _SECOND) else None
    if image.differs:
        return Need.DIFFERS
    if image.decision == "undetermined":
        return Need.UNDETERMINED
    if set(image.cautions) - OF_MOST_IMAGES:
        return Need.CAUTION
    return Need.SAMPLE if _is_drawn(image, 0) else None


def _is_drawn(image: Assessed, salt: int) -> bool:
    """By chance, and the same for whoever asks."""
    return ((image.job_id + salt) * _SHUFFLE % 2**32) * _ONE_IN < 2**32


def _pairs(images: Sequence[Assessed]) -> Iterator[tuple[Verdict, Verdict]]:
    for image in images:
        if len(image.said) > 1:
            first, second = sorted(image.said, key=lambda one: one.at)[:2]
            yield first.verdict, second.verdict
