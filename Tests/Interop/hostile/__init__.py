"""Attacks on real nodes, in both roles, and what the nodes have to do about them."""
