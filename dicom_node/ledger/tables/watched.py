"""What a node watches itself by: counts that outlive what was purged, alerts, notices of them,
devices whose images have become otherwise."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, text

from dicom_node.ledger.tables.columns import AnyText, UtcDateTime
from dicom_node.ledger.tables.schema import metadata

_ID = BigInteger().with_variant(Integer(), "sqlite")

# What was counted of rows up to the mark of their table: what came later is counted when asked.
tallies = Table(
    "tallies",
    metadata,
    Column("name", AnyText, primary_key=True),
    # Two labels at most; "" where there is none.
    Column("first", AnyText, primary_key=True),
    Column("second", AnyText, primary_key=True),
    Column("value", Float, nullable=False),
)

tally_marks = Table(
    "tally_marks",
    metadata,
    # A table's name.
    Column("source", AnyText, primary_key=True),
    # The id of the last row counted.
    Column("upto", BigInteger, nullable=False),
    # The last there was at `seen_at`: one with a lower id may be committed after it.
    Column("seen", BigInteger, nullable=False),
    Column("seen_at", UtcDateTime),
)

# Conditions that hold, or held lately: a row for each.
alerts = Table(
    "alerts",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("subject", AnyText, primary_key=True),
    # Which host looks after it; "": whichever.
    Column("host", AnyText, primary_key=True),
    Column("words", AnyText, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    # When its onset was last told; NULL: never.
    Column("told_at", UtcDateTime),
    # When it ceased to hold; NULL: it holds.
    Column("ended_at", UtcDateTime),
    # Whether the last onset that was told has not been followed by a recovery.
    Column("is_open", Integer, nullable=False, server_default="0"),
)

# What is to be told by a channel, and was: a row for each message.
notices = Table(
    "notices",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("channel", AnyText, nullable=False),
    Column("body", AnyText, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Not to be sent before: that is also how long whoever took it has.
    Column("due_at", UtcDateTime, nullable=False),
    # NULL: it is to be sent.
    Column("ended_at", UtcDateTime),
    # Why the last attempt failed.
    Column("error", AnyText),
    Index(
        "ix_notices_open",
        "channel",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

# What has become otherwise of a device's images, as it was seen clearest: a row for each measure.
drifts = Table(
    "drifts",
    metadata,
    # A device: of the instances' columns of these names, and a `KvpRange`.
    Column("manufacturer", AnyText, primary_key=True),
    Column("model_name", AnyText, primary_key=True),
    Column("station_name", AnyText, primary_key=True),
    Column("calling_aet", AnyText, primary_key=True),
    Column("kvp_range", AnyText, primary_key=True),
    Column("measure", AnyText, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    # A share, 0..1, or a median.
    Column("now", Float, nullable=False),
    Column("before", Float, nullable=False),
    # Images.
    Column("now_count", Integer, nullable=False),
    Column("before_count", Integer, nullable=False),
    Column("effect", Float, nullable=False),
    Column("chance", Float, nullable=False),
    # It is compared with what came before this, until what came while it held is no longer near.
    Column("reference_until", UtcDateTime, nullable=False),
    # NULL: it holds.
    Column("ended_at", UtcDateTime),
)

# When something was last done that one process does for all.
rounds = Table(
    "rounds",
    metadata,
    Column("name", AnyText, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)
