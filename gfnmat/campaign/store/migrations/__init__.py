"""Alembic's migrations; `gfnmat upgrade URL` runs those that a store lacks."""
