"""Campaigns against each other: problems times methods times seeds, in processes of their own, cached and resumable."""
