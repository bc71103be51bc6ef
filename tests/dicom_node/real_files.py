"""The real images, and what becomes of each."""

from dicom_node.skipping import Refusal

EXPECTED = {
    "chest/cr_mono1_jpeglossless_noview.dcm": None,
    "chest/cr_pa_mono1_explicit_440.dcm": None,
    "chest/sc_cr_pa_mono2_jpegbaseline.dcm": None,
    "chest/sc_cr_pa_mono1_mislabelled_jpegbaseline.dcm": None,
    "chest/sc_dx_mono2_implicit_noview.dcm": None,
    "chest/sc_dx_mono2_implicit_noview_2.dcm": None,
    "not-chest/dx_lateral_dog_mono1.dcm": Refusal.LATERAL,
    "not-chest/sc_ct_labelled.dcm": Refusal.NOT_RADIOGRAPHY,
    "not-chest/cr_hip_jpegls.dcm": Refusal.NOT_CHEST,
    "not-chest/cr_tibia_rle.dcm": Refusal.NOT_CHEST,
}
