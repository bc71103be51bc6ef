"""A ledger of many jobs in a moment, for measurements: made by the database itself, in SQL.

Of a thousand jobs 100 are SKIPPED, one FAILED, one has a result REFUSED, and all else is delivered
and verified; of the newest, some wait: for a worker (1 in 5,000) or for the PACS (1 in 2,500). Each
analysed job has three outputs, three deliveries, twelve events, and findings. Two images make a
study, and three studies are of one patient. No files.
"""

from sqlalchemy import Connection, create_engine, text

#: One image a minute or so: a million are almost two years.
SECONDS_APART = 60
PIPELINE = "pipeline"
DESTINATION = "pacs"
_TABLES = ("instances", "jobs", "outputs", "deliveries", "events", "findings")
_SYNTAX = "'1.2.840.10008.1.2.1'"
#: What became of job n, by its place among all :count.
_STATE = """CASE WHEN n > :count - :waiting THEN 'RECEIVED'
  WHEN n % 10 = 3 THEN 'SKIPPED' WHEN n % 1000 = 7 THEN 'FAILED' ELSE 'BUILT' END"""
_REASON = """CASE WHEN n > :count - :waiting THEN NULL
  WHEN n % 10 = 3 THEN 'not a frontal view (View Position ' || (n % 7) || ')'
  WHEN n % 1000 = 7 THEN 'instance 1.2.3.' || n || ': the pixels are cut short' END"""
_SENT = """CASE WHEN n > :count - 3 * :waiting THEN 'WAITING'
  WHEN n % 1000 = 11 AND i = 0 THEN 'REFUSED' ELSE 'VERIFIED' END"""
_ROLE = "CASE i WHEN 0 THEN 'SEG' WHEN 1 THEN 'SR' ELSE 'SC' END"
#: UIDs as long as real ones.
_STUDY = "'1.2.840.113619.2.55.3.2831164355.' || (n / 2)"
_SERIES = "'1.2.840.113619.2.55.3.2831164356.' || n"
_INSTANCE = "'1.2.840.113619.2.55.3.2831164357.' || n"
_RESULT = "'2.25.123456789012345678901234567890' || (3 * n + i)"


def fill(url: str, count: int) -> None:
    """Fill the ledger at `url`, which is there and empty, with `count` jobs."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        _Filler(connection, count).fill()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE"))
            for table in _TABLES:
                connection.execute(
                    text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")
                )
    engine.dispose()


def study_of(number: int) -> str:
    return f"1.2.840.113619.2.55.3.2831164355.{number // 2}"


def instance_of(number: int) -> str:
    return f"1.2.840.113619.2.55.3.2831164357.{number}"


def result_of(number: int) -> str:
    """The SOP Instance UID of its SEG."""
    return f"2.25.123456789012345678901234567890{3 * number}"


def accession_of(number: int) -> str:
    return f"A-{number // 2}"


def patient_of(number: int) -> str:
    """The hash of its patient."""
    return f"{number // 6:064d}"


class _Filler:
    def __init__(self, connection: Connection, count: int) -> None:
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"
        self._given = {"count": count, "waiting": max(1, count // 5000)}

    def fill(self) -> None:
        at, digest = self._at(f"(:count - n) * {SECONDS_APART}"), self._digest
        received = {
            "id": "n",
            "sop_instance_uid": _INSTANCE,
            "study_instance_uid": _STUDY,
            "series_instance_uid": _SERIES,
            "transfer_syntax_uid": _SYNTAX,
            "size_bytes": "15000000",
            "sop_class_uid": "'1.2.840.10008.5.1.4.1.1.1.1'",
            "calling_aet": "'PACS'",
            "path": f"'received/' || (n % 256) || '/' || {_INSTANCE} || '_0123.dcm'",
            "sha256": digest("n"),
            "received_at": at,
        }
        self._insert("instances", received | {
            "kind": "'RADIOGRAPH'", "accession_number": "'A-' || (n / 2)",
            "patient_hash": digest("n / 6"), "patient_id_hash": digest("n / 6 + 1000000000"),
        }, self._numbers)  # fmt: skip
        self._insert("jobs", received | {
            "pipeline": f"'{PIPELINE}'", "state": _STATE, "reason": _REASON, "attempts": "1",
            "deaths": "0", "due_at": at, "updated_at": at, "published_at": at,
        }, self._numbers)  # fmt: skip
        built = (
            "SELECT id AS n, i, study_instance_uid, received_at AS at FROM jobs,"
            " (SELECT 0 AS i UNION ALL SELECT 1 UNION ALL SELECT 2) r WHERE state = 'BUILT'"
        )
        number = "3 * n + i"
        self._insert("outputs", {
            "id": number, "job_id": "n", "role": _ROLE, "sop_instance_uid": _RESULT,
            "sop_class_uid": "'1.2.840.10008.5.1.4.1.1.66.4'",
            "series_instance_uid": f"'2.25.9' || ({number})", "transfer_syntax_uid": _SYNTAX,
            "path": f"'outputs/' || (n % 256) || '/' || {_RESULT} || '_0123.dcm'",
            "sha256": digest(number), "size_bytes": "500000",
        }, built)  # fmt: skip
        self._insert("deliveries", {
            "id": number, "job_id": "n", "output_id": number, "destination": f"'{DESTINATION}'",
            "study_instance_uid": "study_instance_uid", "state": _SENT, "attempts": "1",
            "due_at": "at", "updated_at": "at", "waits_since": "at", "dimse_status": "0",
            "reason": "CASE WHEN n % 1000 = 11 AND i = 0 THEN 'pacs: no' END",
        }, built)  # fmt: skip
        ends = (
            "CASE state WHEN 'BUILT' THEN 'built' WHEN 'SKIPPED' THEN 'skipped' ELSE 'failed' END"
        )
        for event in ("'received'", "'claimed'", ends):
            happened = {"at": "received_at", "job_id": "id", "event": event, "state": "state",
                        "owner": "'host:work:01234567'", "detail": "''"}  # fmt: skip
            self._insert("events", happened, "SELECT * FROM jobs WHERE state <> 'RECEIVED'")
        for event in ("'taken for sending'", "'sent, to be verified'", "'verified'"):
            happened = {"at": "updated_at", "job_id": "job_id", "delivery_id": "id",
                        "event": event, "state": "state", "owner": "'host:send:01234567'",
                        "detail": "'status 0x0000'"}  # fmt: skip
            self._insert("events", happened, "SELECT * FROM deliveries")
        self._insert("findings", {
            "job_id": "id", "issue": "0", "found_at": "received_at", "decision": "'positive'",
            "reason": "'signs of infection'", "percent_left": "50.0", "percent_right": "10.0",
            "percent_both": "30.0", "cautions": "'[]'",
        }, "SELECT * FROM jobs WHERE state = 'BUILT'")  # fmt: skip

    def _insert(self, into: str, values: dict[str, str], source: str) -> None:
        """`values`: an expression of the source's columns for each column."""
        self._connection.execute(
            text(
                f"INSERT INTO {into} ({', '.join(values)})"
                f" SELECT {', '.join(values.values())} FROM ({source}) source"
            ),
            self._given,
        )

    @property
    def _numbers(self) -> str:
        if self._is_postgresql:
            return "SELECT generate_series(1, :count) AS n"
        return (
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :count)"
            " SELECT n FROM c"
        )

    def _at(self, seconds_ago: str) -> str:
        if self._is_postgresql:
            return f"now() - ({seconds_ago}) * interval '1 second'"
        return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ({seconds_ago}) || ' seconds')"

    def _digest(self, number: str) -> str:
        """64 digits."""
        if self._is_postgresql:
            return f"lpad(({number})::text, 64, '0')"
        return f"printf('%064d', {number})"
