# SPDX-License-Identifier: MIT
"""Builds, walks and drops binary trees: nearly every block outlives the next thousand."""


class Tree:
	__slots__ = ("left", "right", "value")

	def __init__(self, left, right, value):
		self.left = left
		self.right = right
		self.value = value


def grow(depth):
	if depth == 0:
		return Tree(None, None, depth)
	return Tree(grow(depth - 1), grow(depth - 1), [depth])


def count(tree):
	return 1 + (count(tree.left) + count(tree.right) if tree.left else 0)


def work():
	return sum(count(grow(11)) for _ in range(3))
