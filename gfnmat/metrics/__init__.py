"""What a campaign reached, and at what cost."""
