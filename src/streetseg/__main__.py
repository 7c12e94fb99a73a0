"""The program as a module: `python -m streetseg` does the same as `streetseg`."""

from streetseg.cli.main import main

main()
