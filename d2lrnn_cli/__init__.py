"""The command ``d2lrnn``.

It is a separate package because importing d2lrnn imports MXNet, which takes
seconds; if that fails, ``d2lrnn doctor`` must still say why.
"""
