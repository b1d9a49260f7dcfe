"""Tables of formulas: a trie of their sentences, the environment that walks it, and the space of its members."""
