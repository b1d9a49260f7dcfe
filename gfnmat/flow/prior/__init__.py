"""What known materials say of unknown ones: a language model of formulas, fitted to a table of them."""
