"""What arrived and what was found: `instances` and `findings`; and whose code may use the ledger.

It only adds tables: a process of the version before goes on with the ledger until it is restarted,
and what it accepts meanwhile has a job but no instance. Of what came before, the headers were not
read: there only what the job knew is known.

Due once no host runs the version of 0003 any more, in a migration that contracts:

- `compatibility` names that migration;
- `jobs.state`: DELIVERED becomes BUILT, and so does FAILED where the last event that failed the job
  is "not all delivered"; then `ledger/tables/former.py` goes, which reads them so until then;
- `instances`: `_fill_instances` once more, for what the version before accepted meanwhile; then
  `jobs` and `sources` may lose what an instance holds (all but SOP Instance UID and SHA-256).
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KEPT = (
    "study_instance_uid, series_instance_uid, transfer_syntax_uid, calling_aet, path, sha256,"
    " size_bytes, received_at"
)


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    text = sa.Text()
    op.create_table(
        "instances",
        sa.Column("id", key, primary_key=True),
        sa.Column("received_at", time, nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("sop_class_uid", text, nullable=False),
        sa.Column("sop_instance_uid", text, nullable=False),
        sa.Column("study_instance_uid", text, nullable=False),
        sa.Column("series_instance_uid", text, nullable=False),
        sa.Column("transfer_syntax_uid", text, nullable=False),
        sa.Column("calling_aet", text, nullable=False),
        sa.Column("path", text, nullable=False),
        sa.Column("sha256", text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("accession_number", text, nullable=False, server_default=""),
        sa.Column("patient_hash", text, nullable=False, server_default=""),
        sa.Column("patient_id_hash", text, nullable=False, server_default=""),
        sa.Column("acquired_at", text, nullable=False, server_default=""),
        sa.Column("manufacturer", text, nullable=False, server_default=""),
        sa.Column("model_name", text, nullable=False, server_default=""),
        sa.Column("station_name", text, nullable=False, server_default=""),
        sa.UniqueConstraint("sop_instance_uid", "sha256", name="uq_instances_instance_sha256"),
        sqlite_autoincrement=True,
    )
    for column in ("accession_number", "patient_hash", "patient_id_hash", "study_instance_uid"):
        op.create_index(f"ix_instances_{column}", "instances", [column])
    op.create_table(
        "findings",
        sa.Column("id", key, primary_key=True),
        sa.Column("job_id", key, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("found_at", time, nullable=False),
        sa.Column("decision", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("percent_left", sa.Float()),
        sa.Column("percent_right", sa.Float()),
        sa.Column("percent_both", sa.Float()),
        sa.Column("cautions", text, nullable=False),
        sa.UniqueConstraint("job_id", "issue", name="uq_findings_job_issue"),
        sqlite_autoincrement=True,
    )
    # A migration that contracts names itself here: the code of the versions before may not go on.
    compatibility = op.create_table("compatibility", sa.Column("oldest", text, primary_key=True))
    op.bulk_insert(compatibility, [{"oldest": "0003"}])
    _fill_instances()


def _fill_instances() -> None:
    """Once for all bytes that a job is or was about, in the order they came."""
    kept = ", ".join(f"s.{column.strip()}" for column in _KEPT.split(","))
    op.execute(
        f"INSERT INTO instances (kind, sop_class_uid, sop_instance_uid, {_KEPT})"
        # The Key Object Selection, and the classes of CR, DX (two) and Secondary Capture.
        " SELECT CASE WHEN a.sop_class_uid = '1.2.840.10008.5.1.4.1.1.88.59' THEN 'CORRECTION'"
        " WHEN a.sop_class_uid IN ('1.2.840.10008.5.1.4.1.1.1', '1.2.840.10008.5.1.4.1.1.1.1',"
        " '1.2.840.10008.5.1.4.1.1.1.1.1', '1.2.840.10008.5.1.4.1.1.7') THEN 'RADIOGRAPH'"
        " ELSE 'OTHER' END, a.* FROM"
        f" (SELECT j.sop_class_uid, j.sop_instance_uid, {kept} FROM sources s"
        " JOIN jobs j ON j.id = s.job_id UNION ALL"
        f" SELECT sop_class_uid, sop_instance_uid, {_KEPT} FROM jobs) a"
        " ORDER BY a.received_at"
        " ON CONFLICT (sop_instance_uid, sha256) DO NOTHING"
    )
