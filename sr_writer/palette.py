"""The colour of each segment, the same wherever it is shown."""

from inference.findings import Laterality, Task

#: RGB 0..255. A SEG without one hangs OHIF.
COLORS = {
    (Task.LUNG, Laterality.LEFT): (86, 180, 233),
    (Task.LUNG, Laterality.RIGHT): (0, 158, 115),
    (Task.INFECTION, Laterality.LEFT): (255, 96, 32),
    (Task.INFECTION, Laterality.RIGHT): (255, 160, 0),
}
