"""What every room stands on; it imports nothing from the others."""
# nothing is imported here: it would import MXNet before mxnet_setup
__all__ = []
