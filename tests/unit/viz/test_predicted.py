"""The figure of predicted against true labels."""

from __future__ import annotations

import torch

from polyxtal.viz.predicted import MAX_PANELS, draw_predicted


def test_points_lie_where_the_labels_say():
    truth = torch.tensor([[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]])
    predicted = truth + 0.5
    parts = {"train": [0, 2], "test": [1]}
    figure = draw_predicted(["a [MPa]", "b"], truth, predicted, parts, ["R² = 0.9", ""])
    first, second = figure.axes
    assert first.get_xlabel() == "True a [MPa]"
    assert first.get_title() == "R² = 0.9"
    lines = {line.get_label(): line for line in second.get_lines()}
    assert lines["train"].get_xydata().tolist() == [[5.0, 5.5], [7.0, 7.5]]
    assert lines["test"].get_xydata().tolist() == [[6.0, 6.5]]


def test_of_many_labels_the_first_are_drawn():
    values = torch.rand(4, 20)
    figure = draw_predicted([str(k) for k in range(20)], values, values, {"test": range(4)})
    assert sum(bool(axes.get_lines()) for axes in figure.axes) == MAX_PANELS
