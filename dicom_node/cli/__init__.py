"""The command line, one module a command: `add(commands)` is its manual, `run(arguments)` its work.

What is slow to import stands in a module beside it, imported by `run`: `supervisor`, `parts` and
`networks` behind `up`, `listen`, `work` and `send`; `analysis` behind `analyze`; `train`,
`evaluate`, `benchmark` and `models` behind `workshop`. With `worker` the only room that may join
the three packages.
"""
