"""The foundations of all other packages; they import none of those."""
# nothing is imported here: it would import MXNet before mxnet_setup
__all__ = []
