"""Trained networks that are published with streetseg: the card of each, and the files of the one in the box."""
