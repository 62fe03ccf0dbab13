"""The committed vectors, made again by the second implementation."""
