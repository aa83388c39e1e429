"""The texts that ship with d2lrnn, all original and CC0; see README.md."""
