"""Types of the JSON that others rely on: files of runs, studies and models. Their published schemas are made of them.

The functions that write a file return its type, so that mypy holds both together. docs/reference/json has the schemas.
"""
