"""Readers of pole figures."""
