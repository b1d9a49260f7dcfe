"""Design spaces: chemistry rules, the grammar, and the torchgfn environments that write its sentences."""
