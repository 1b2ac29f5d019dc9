"""`python -m reproduction`, from the root of the repository."""

from reproduction.cli import app

app(prog_name="python -m reproduction")
