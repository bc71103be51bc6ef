"""What leaves the node, and what becomes of it.

`profiles` says what a destination gets, `sender` runs one delivery `loop` for each; a loop has its
batches sent (`sending`) and records in the ledger what each `outcome` means. How they get there is
the business of the destination's kind (`kinds`): `dicom` stores them over one `association`,
`transcode`d where need be. Nothing is imported here: the configuration reads profiles without
the network's libraries.
"""
