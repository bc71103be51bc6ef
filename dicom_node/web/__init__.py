"""HTTP with a DICOMweb server (PS3.18).

`exchange` is the only door to the network, `access` says who the node is, `session` joins the two;
`stow` and `qido` know what is said in them.
"""
