"""The paper's figures and tables, and studies of pretrained models, with numbers, pictures, files.

It is no part of the installed package: run it as `python -m reproduction` from the repository.
"""
