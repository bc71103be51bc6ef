"""The paper's fifteen networks by name (section 3.1): three architectures times five encoders.

Each takes (batch, 3, size, size) and gives (batch, 2, size, size) logits: background, foreground.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURES = {"unet": "Unet", "unetplusplus": "UnetPlusPlus", "fpn": "FPN"}
ENCODERS = ("resnet18", "resnet50", "densenet121", "densenet161", "inceptionv4")

#: "unet-resnet18" ... "fpn-inceptionv4"
NETWORKS = tuple(
    f"{architecture}-{encoder}" for architecture in ARCHITECTURES for encoder in ENCODERS
)


def build(name: str, encoder_weights: str | None = None) -> "nn.Module":
    """The untrained network; `encoder_weights` "imagenet" downloads a pre-trained encoder.

    Raises ValueError where `name` is not one of `NETWORKS`.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    # Here and not above, so that whoever only asks for a name starts without torch.
    from inference.torchvision_pair import import_torchvision

    import_torchvision()
    import segmentation_models_pytorch as smp

    architecture, encoder = name.split("-")
    network: nn.Module = getattr(smp, ARCHITECTURES[architecture])(
        encoder_name=encoder, encoder_weights=encoder_weights, in_channels=3, classes=2
    )
    return network
