"""How a process lives: sockets, files, signals and clocks are touched only here."""
