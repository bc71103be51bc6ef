"""The command line: `cxr-node X` is `X.py`, its parser (`add`) beside its function (`run`).

Every module here is a command. What commands share, or need beyond their file, has rooms:
`terminal` for all, `node` behind `up`, `listen`, `work` and `send`, `analysis` behind `analyze`,
`evaluation` behind `evaluate`, `checks` behind `doctor`. Every run imports every command for its
parser, so what is slow to import (torch, highdicom, the ledger) is imported inside `run`. With
`worker` the only room that may join the three packages.
"""
