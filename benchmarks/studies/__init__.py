"""Full runs that are recorded once, and their tables."""
