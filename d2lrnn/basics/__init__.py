"""What every room stands on; it knows neither models nor texts."""
# nothing is imported here: it would import MXNet before mxnet_setup
__all__ = []
