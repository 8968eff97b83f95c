"""The operator's door, apart from the clients': metrics of every process, and administration.

A process of its own on a port of its own, so that nothing a client does can reach it and nothing it does
can slow a client down. It reads what the other processes leave in the run-time directory.
"""
