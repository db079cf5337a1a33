# SPDX-License-Identifier: MIT
"""Float arithmetic on objects with attributes: every result is a new block."""
import math


class Point:
	def __init__(self, i):
		self.x = x = math.sin(i)
		self.y = math.cos(i) * 3
		self.z = (x * x) / 2

	def normalise(self):
		norm = math.sqrt(self.x ** 2 + self.y ** 2 + self.z ** 2)
		self.x /= norm
		self.y /= norm
		self.z /= norm

	def maximise(self, other):
		self.x = max(self.x, other.x)
		self.y = max(self.y, other.y)
		self.z = max(self.z, other.z)
		return self


def work():
	points = [Point(i) for i in range(5000)]
	for point in points:
		point.normalise()
	top = points[0]
	for point in points[1:]:
		top = top.maximise(point)
	return int(top.x * 1e6)
