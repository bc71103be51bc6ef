"""Stand-ins: an output that is sent only where another is not accepted says which."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("stands_in_for", sa.Text()))
