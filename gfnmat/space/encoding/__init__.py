"""Given structures back into sentences, through the standard setting of their space group."""
