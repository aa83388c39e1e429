"""The command ``d2lrnn``.

It is a package of its own because importing d2lrnn imports MXNet: that takes
seconds, and where it fails, ``d2lrnn doctor`` must still say why.
"""
