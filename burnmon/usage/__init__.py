"""Rung 1, usage: what burns, what it costs, which limit it runs into."""
