"""Rung 2: what came of it. Git, links, the split of the money, the day."""
