"""`[models]` and `[shadow]`: how radiographs are analysed, and how they are tried to be."""

from dataclasses import replace
from typing import Literal, Self

from pydantic import ValidationInfo, field_validator, model_validator

from dicom_node.config.values import Days, Section, Share, Text, refused
from inference.pipeline import STANDARD, Settings


class ModelsSection(Section):
    """`[models]`: which networks, what they run on, and how sure of infection a verdict is."""

    lung: Text = ""  #: name or path of the lung network; "": the shipped one
    infection: Text = ""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    #: The operating point, certainties of infection: see `inference.pipeline.Settings`.
    negative_below: Share = STANDARD.negative_below
    positive_above: Share = STANDARD.positive_above

    @field_validator("positive_above")
    @classmethod
    def _leaves_no_verdict_twice(cls, value: float, info: ValidationInfo) -> float:
        negative = info.data.get("negative_below", 0)
        if value < negative:
            raise refused(f"{value:g} is less than negative_below, {negative:g}")
        return value

    @property
    def settings(self) -> Settings:
        """How the networks are read."""
        return replace(
            STANDARD, negative_below=self.negative_below, positive_above=self.positive_above
        )


class ShadowSection(Section):
    """`[shadow]`: another pipeline, tried on the same images without sending anything."""

    lung: Text | None = None  #: None, here and below: as in `[models]`
    infection: Text | None = None
    negative_below: Share | None = None
    positive_above: Share | None = None
    #: Its results are sent, and `[models]` is what is tried beside it.
    leads: bool = False
    days: Days = 28  #: how far back images that have been analysed are analysed by it, too

    @model_validator(mode="after")
    def _leads_with_something(self) -> Self:
        if self.leads and not self.differs:
            raise refused("[shadow] leads is of no use without a pipeline that differs")
        return self

    @property
    def differs(self) -> bool:
        """Whether there is another pipeline at all."""
        return bool(self._said)

    def beside(self, models: ModelsSection) -> ModelsSection:
        """What it differs in from `models`, and the rest of that."""
        return ModelsSection.model_validate(models.model_dump() | self._said)

    def point(self, models: ModelsSection) -> tuple[float, float]:
        """`negative_below` and `positive_above`, beside `models`."""
        return (
            models.negative_below if self.negative_below is None else self.negative_below,
            models.positive_above if self.positive_above is None else self.positive_above,
        )

    @property
    def _said(self) -> dict[str, object]:
        said = self.model_dump(include={"lung", "infection", "negative_below", "positive_above"})
        return {key: value for key, value in said.items() if value is not None}
