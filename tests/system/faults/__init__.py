"""Faults of the broker, the database, the spool and the processes, while radiographs come in.

Real processes, on the embedded default and on a PostgreSQL and a RabbitMQ of the test's own. After
each fault every instance that was answered Success has exactly its results at the destination.
`python -m tests.system.faults.soak` kills at random for as long as wanted.
"""
