"""Crystals: the grammar that writes them, stage by stage, after their composition."""
