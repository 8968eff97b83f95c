"""The deterministic heart: commands in, events out. No I/O, clock, random, logging or threads."""
