"""``python -m abm``."""

from abm.cli import main

main()
