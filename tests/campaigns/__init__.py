"""Campaigns: one thing tried many times, with inputs nobody thought of."""
