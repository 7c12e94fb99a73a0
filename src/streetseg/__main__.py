"""`python -m streetseg`, the same as the `streetseg` command."""

from streetseg.cli.main import main

main()
