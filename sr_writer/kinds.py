"""Every kind of output that a radiograph can have.

A new one is a folder beside these, with its record in `__init__`, and its name here.
"""

from sr_writer.doc import DOC
from sr_writer.kind import Kind
from sr_writer.ko import KO
from sr_writer.pr import PR
from sr_writer.sc import SC
from sr_writer.seg import SEG
from sr_writer.sr import SR, SR2D

__all__ = ["DOC", "KINDS", "KO", "PR", "SC", "SEG", "SR", "SR2D", "USUAL", "Kind"]

#: In the order they are built and sent: what another refers to is there before it.
KINDS: tuple[Kind, ...] = (SEG, SR, SR2D, SC, KO, PR, DOC)
#: Roles that a destination gets unless it asks for something else.
USUAL = (SEG.role, SR.role, SC.role)
