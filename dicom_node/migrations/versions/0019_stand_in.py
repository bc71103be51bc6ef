"""Which role goes instead of what a destination did not accept, in a column of its own.

It only adds: a process of the version before goes on with the ledger until it is restarted, and
says the role in the reason alone, which is read where the column is NULL.

Due once no host runs the version of 0018 any more, in a migration that contracts: `upgrade` fills
what is NULL once more, and `lacks_stand_in` of `ledger/sending/stand_ins.py` asks the column alone.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

#: What can go instead of something, in this version and those before.
_ROLES = [role + language for role in ("SR2D", "DOC", "PR", "SC")
          for language in ("", "@de", "@fr", "@es")]  # fmt: skip


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("stand_in", sa.Text()))
    deliveries = sa.table(
        "deliveries", sa.column("state"), sa.column("reason"), sa.column("stand_in")
    )
    for role in _ROLES:
        said = deliveries.c.reason.endswith(f": {role} is sent instead")
        this = (deliveries.c.state == "SUBSTITUTED") & said
        op.execute(sa.update(deliveries).where(this).values(stand_in=role))
