"""What leaves the node, and what becomes of it.

`profiles` says what a destination gets, `sender` runs one delivery `loop` for each; a loop has its
batches sent (`sending`, over one `association`, `transcode`d where need be) and records in the
ledger what each `outcome` means. Nothing is imported here: the configuration reads profiles without
the network's libraries.
"""
