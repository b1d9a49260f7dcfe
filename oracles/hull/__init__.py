"""Energy above the convex hull: which phases compete with a crystal, and their energies at its level of theory."""

GUESSED = "guessed"
"""The source of competing phases that are guessed by chemistry."""
