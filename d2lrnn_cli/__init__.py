"""The command ``d2lrnn``.

It is a package of its own, for importing d2lrnn imports MXNet: that takes
seconds, and where it cannot be done, ``d2lrnn doctor`` says why.
"""
