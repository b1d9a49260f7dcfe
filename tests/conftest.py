"""What every test shares."""

import torch

# Two cores are shared by the tests' own processes; more threads than cores make small networks ten times slower.
torch.set_num_threads(1)
