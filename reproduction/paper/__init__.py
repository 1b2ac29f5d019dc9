"""Reproduction of the paper's figures and tables, with its numbers and every baseline.

    work/<step>/      intermediate results of a step: data sets, models, full fields
    results/<step>/   its tables (CSV) and pictures, and step.json, which is written last
    results/          comparison.csv, study.json and report.html over all steps

The paper is "Foundation Model for Polycrystalline Material Informatics", see docs/references.md.
"""
