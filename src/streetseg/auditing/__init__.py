"""Audit of a data set: likely label errors, the worst images, systematic confusions, and what to label next."""
