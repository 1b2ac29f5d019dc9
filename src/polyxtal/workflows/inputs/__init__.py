"""Inputs of workflows: files, materials, load paths."""
