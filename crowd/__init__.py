"""The simulated market: traders that keep a book alive, and what their market looks like in figures.

Pure: no socket, no clock, one seeded source of chance. Whoever runs a crowd shows it the market, sends
what it decides, and tells it what came of that; the same seed and the same answers give the same orders.
"""
