"""Of what readers say on the page: which pipeline they say is right, where several were tried.

It only adds: a process of the version before goes on with the ledger until it is restarted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    column = sa.Column("pipeline", sa.Text(), nullable=False, server_default="")
    op.add_column("assessments", column)
