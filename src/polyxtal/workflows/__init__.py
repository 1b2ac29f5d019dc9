"""Workflows of the command line: one function per command, without mechanics of their own."""
