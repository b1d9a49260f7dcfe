"""What people fill in and hand back: sheets of suggestions, and tables of results, asked for or not."""
