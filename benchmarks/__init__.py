"""Measurements of d2lrnn beside its peers, each pair in the same run."""
