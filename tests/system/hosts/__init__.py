"""A node on several hosts: network namespaces on one bridge, each with its own address and name.

Links are cut, addresses moved and processes replaced while radiographs come in. Needs root and
Linux. `python -m tests.system.hosts.throughput` measures what further workers bring.
"""
