"""Experiments of overload control on the real binaries; see ../overload.py."""
