"""`python -m polyxtal`: the command line without its script."""

from polyxtal.cli import app

if __name__ == "__main__":
    app(prog_name="polyxtal")
