"""The binary tree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polyxtal.network.offline import node_weights
from polyxtal.network.topology import BinaryTree


@pytest.mark.parametrize("leaves", [1, 2, 3, 5, 8, 13, 64, 100])
def test_a_balanced_tree_holds_every_leaf_once_at_even_depth(leaves):
    tree = BinaryTree.balanced(leaves)
    assert (tree.leaves, tree.root) == (leaves, 2 * leaves - 2)
    depth = np.zeros(2 * leaves - 1, dtype=int)
    for k in range(leaves - 2, -1, -1):
        depth[[tree.left[k], tree.right[k]]] = depth[leaves + k] + 1
    height = int(np.ceil(np.log2(leaves)))
    assert depth[:leaves].max() == height
    assert len(tree.levels) == height
    if leaves & (leaves - 1) == 0:
        assert (depth[:leaves] == height).all()
    total = node_weights(tree, torch.ones(leaves, dtype=torch.float64))
    assert float(total[tree.root]) == leaves


@pytest.mark.parametrize("leaves", [1, 2, 3, 7, 32])
def test_levels_can_be_computed_one_after_the_other(leaves):
    tree = BinaryTree.balanced(leaves)
    done = set(range(leaves))
    for level in tree.levels:
        for k in level.tolist():
            assert {int(tree.left[k]), int(tree.right[k])} <= done
        done |= {leaves + k for k in level.tolist()}
    assert done == set(range(2 * leaves - 1))


def test_a_chain_is_a_tree_too():
    tree = BinaryTree(np.array([0, 4, 5]), np.array([1, 2, 3]))
    assert [level.tolist() for level in tree.levels] == [[0], [1], [2]]
    weights = node_weights(tree, torch.tensor([1.0, 2.0, 4.0, 8.0]))
    assert weights.tolist() == [1, 2, 4, 8, 3, 7, 15]


@pytest.mark.parametrize(
    ("left", "right", "sentence"),
    [
        ([0, 0], [1, 2], "exactly once"),  # leaf 0 has two parents, node 3 none
        ([3, 0], [1, 2], "children before parents"),  # node 3 is its own child
        ([0, 3], [1, 5], "exactly once"),  # no node 5
        ([0, -1], [1, 2], "exactly once"),
        ([0], [1, 2], r"shapes \(1,\) and \(2,\)"),
        ([[0]], [[1]], "must be vectors"),
    ],
)
def test_what_is_no_tree_is_refused(left, right, sentence):
    with pytest.raises(ValueError, match=sentence):
        BinaryTree(np.array(left), np.array(right))


@pytest.mark.parametrize("leaves", [0, -1])
def test_a_tree_has_a_leaf(leaves):
    with pytest.raises(ValueError, match=f"at least one leaf, but {leaves} were asked"):
        BinaryTree.balanced(leaves)
