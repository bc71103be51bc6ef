"""What the paper reports, to stand beside ours: its Tables 2, 3 and 4, by network.

Percent on its Test split, which is not what is measured here unless the split is the same.
"""

#: Table 2, lungs: accuracy, IoU, DSC.
LUNG = {
    "unet-resnet18": (99.07, 95.91, 97.88),
    "unet-resnet50": (99.08, 95.93, 97.89),
    "unet-densenet121": (99.10, 96.06, 97.96),
    "unet-densenet161": (99.10, 96.02, 97.94),
    "unet-inceptionv4": (99.07, 95.90, 97.88),
    "unetplusplus-resnet18": (99.07, 95.90, 97.88),
    "unetplusplus-resnet50": (99.10, 96.04, 97.95),
    "unetplusplus-densenet121": (99.11, 96.10, 97.98),
    "unetplusplus-densenet161": (99.09, 95.98, 97.92),
    "unetplusplus-inceptionv4": (99.08, 95.96, 97.91),
    "fpn-resnet18": (99.06, 95.86, 97.86),
    "fpn-resnet50": (99.07, 95.91, 97.88),
    "fpn-densenet121": (99.12, 96.11, 97.99),
    "fpn-densenet161": (99.09, 96.01, 97.94),
    "fpn-inceptionv4": (99.07, 95.92, 97.89),
}
#: Table 2, infection: accuracy, IoU, DSC.
INFECTION = {
    "unet-resnet18": (98.02, 82.92, 88.10),
    "unet-resnet50": (97.84, 81.73, 87.02),
    "unet-densenet121": (97.98, 82.53, 87.74),
    "unet-densenet161": (97.86, 81.95, 87.19),
    "unet-inceptionv4": (97.98, 82.03, 87.11),
    "unetplusplus-resnet18": (97.90, 82.90, 88.06),
    "unetplusplus-resnet50": (97.93, 82.59, 87.78),
    "unetplusplus-densenet121": (97.97, 83.05, 88.21),
    "unetplusplus-densenet161": (97.95, 81.55, 86.66),
    "unetplusplus-inceptionv4": (97.90, 81.13, 86.22),
    "fpn-resnet18": (97.84, 81.90, 87.25),
    "fpn-resnet50": (97.84, 80.83, 86.25),
    "fpn-densenet121": (97.99, 82.55, 87.71),
    "fpn-densenet161": (97.95, 81.89, 87.08),
    "fpn-inceptionv4": (97.99, 83.08, 88.13),
}
#: Table 3: accuracy, precision, sensitivity, F1, specificity.
DETECTION = {
    "unet-resnet18": (98.89, 99.14, 98.63, 98.88, 99.14),
    "unet-resnet50": (98.89, 98.47, 99.31, 98.89, 98.46),
    "unet-densenet121": (98.80, 97.98, 99.66, 98.81, 97.94),
    "unet-densenet161": (98.71, 97.97, 99.49, 98.72, 97.94),
    "unet-inceptionv4": (98.03, 98.28, 97.77, 98.02, 98.28),
    "unetplusplus-resnet18": (99.23, 100.00, 98.46, 99.22, 100.00),
    "unetplusplus-resnet50": (99.14, 99.83, 98.46, 99.14, 99.83),
    "unetplusplus-densenet121": (99.23, 99.14, 99.31, 99.22, 99.14),
    "unetplusplus-densenet161": (98.20, 97.95, 98.46, 98.20, 97.94),
    "unetplusplus-inceptionv4": (98.20, 98.45, 97.94, 98.19, 98.46),
    "fpn-resnet18": (98.54, 97.48, 99.66, 98.56, 97.43),
    "fpn-resnet50": (98.46, 98.46, 98.46, 98.46, 98.46),
    "fpn-densenet121": (98.97, 99.65, 98.28, 98.96, 99.66),
    "fpn-densenet161": (98.11, 97.30, 98.97, 98.13, 97.26),
    "fpn-inceptionv4": (99.23, 99.31, 99.14, 99.22, 99.31),
}
#: Table 4: trainable parameters in millions, milliseconds an image on a GeForce GTX 1080.
COMPLEXITY = {
    "unet-resnet18": (14.32, 5.78),
    "unet-resnet50": (32.50, 10.44),
    "unet-densenet121": (13.60, 22.86),
    "unet-densenet161": (38.73, 29.74),
    "unet-inceptionv4": (48.79, 26.53),
    "unetplusplus-resnet18": (15.96, 8.30),
    "unetplusplus-resnet50": (48.97, 19.90),
    "unetplusplus-densenet121": (30.06, 25.13),
    "unetplusplus-densenet161": (79.04, 48.62),
    "unetplusplus-inceptionv4": (59.35, 32.53),
    "fpn-resnet18": (13.04, 5.74),
    "fpn-resnet50": (26.11, 10.34),
    "fpn-densenet121": (9.29, 22.68),
    "fpn-densenet161": (29.49, 29.62),
    "fpn-inceptionv4": (43.57, 26.08),
}
