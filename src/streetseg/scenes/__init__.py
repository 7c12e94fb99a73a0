"""Procedural street images with exact labels, so that everything runs without a download.

The renderer is written by hand: with numpy and Pillow it gives the same bytes on every machine, without a game engine.
"""
