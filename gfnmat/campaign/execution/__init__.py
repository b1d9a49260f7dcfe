"""The executors on which evaluations run."""
