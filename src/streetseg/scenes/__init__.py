"""Built-in street images with exact labels: drawn by a program, so that everything runs without a download.

The renderer is our own: numpy and Pillow draw the same bytes on every machine, and no game engine is needed.
"""
