"""Checks of `gatepeer` against real nodes, in both roles."""
