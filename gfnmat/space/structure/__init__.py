"""Crystal structures: Wyckoff positions, cells, volumes, and atoms in space."""
