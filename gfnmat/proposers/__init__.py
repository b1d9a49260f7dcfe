"""What proposes candidates: the GFlowNet, and what it is compared with."""
