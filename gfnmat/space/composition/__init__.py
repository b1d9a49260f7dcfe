"""Compositions: chemistry rules, the counts, and the grammar that writes formulas."""
