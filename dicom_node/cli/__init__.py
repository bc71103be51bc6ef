"""The command line: `cxr-node X` is `X.py`, its parser (`add`) beside its function (`run`).

Beside the commands stand `options` (what several share), `networks` and `progress`; what one needs
beyond its file has a room: `node` behind `up`, `listen`, `work` and `send`, `analysis` behind
`analyze`, `evaluation` behind `evaluate`. Every run imports every command for its parser, so what
is slow to import (torch, highdicom, the ledger) is imported inside `run`. With `worker` the only
room that may join the three packages.
"""
