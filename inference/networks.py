"""The networks by name: the paper's fifteen (section 3.1), and two encoders more that come trained.

Three architectures times the paper's five encoders, or EfficientNet-Lite 0 and 2: a fifth to a half
of the parameters, and weights of ImageNet that can be had as a file (`training.start`).

Each takes (batch, 3, size, size) and gives (batch, 2, size, size) logits: background, foreground.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

ARCHITECTURES = {"unet": "Unet", "unetplusplus": "UnetPlusPlus", "fpn": "FPN"}
ENCODERS = ("resnet18", "resnet50", "densenet121", "densenet161", "inceptionv4")
#: As segmentation-models-pytorch calls them: what it takes from timm has "tu-" before its name.
LITE_ENCODERS = {
    "efficientnetlite0": "tu-tf_efficientnet_lite0",
    "efficientnetlite2": "tu-tf_efficientnet_lite2",
}

#: "unet-resnet18" ... "fpn-inceptionv4"
PAPER_NETWORKS = tuple(
    f"{architecture}-{encoder}" for architecture in ARCHITECTURES for encoder in ENCODERS
)
#: The paper's, then "unet-efficientnetlite0" ... "fpn-efficientnetlite2"
NETWORKS = PAPER_NETWORKS + tuple(
    f"{architecture}-{encoder}" for architecture in ARCHITECTURES for encoder in LITE_ENCODERS
)

#: Encoders are made for colours and shown the same gray three times.
CHANNELS = 3
#: Which of the two maps a network gives; the other is the background.
FOREGROUND = 1


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
        encoder_name=LITE_ENCODERS.get(encoder, encoder),
        encoder_weights=encoder_weights,
        in_channels=CHANNELS,
        classes=2,
    )
    return network


def adders(network: "nn.Module") -> "Iterator[nn.Module]":
    """The modules of an FPN that stack its levels and add them: lists of maps of one shape."""
    from inference.torchvision_pair import import_torchvision

    import_torchvision()
    from segmentation_models_pytorch.decoders.fpn.decoder import MergeBlock

    for module in network.modules():
        if isinstance(module, MergeBlock) and module.policy == "add":
            yield module
