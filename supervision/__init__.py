"""How the exchange's processes are started, watched and stopped.

`states.py` says what may become of one process, `programs.py` which there are, `arbiter.py` is the
one loop that acts, `status.py` what a person is told about it.
"""
