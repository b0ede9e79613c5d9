"""`python -m piirag.cli`."""

from piirag.cli import main

main()
