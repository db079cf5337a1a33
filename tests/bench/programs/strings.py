# SPDX-License-Identifier: MIT
"""Splits, joins, formats and replaces text."""

LINE = "the quick brown fox jumps over the lazy dog, \u00e4gain and again;"


def work():
	total = 0
	for i in range(400):
		words = (LINE * 4).split(" ")
		text = "-".join(word.strip(",;").upper() for word in words)
		text = text.replace("FOX", "%d" % i)
		page = ""
		for word in words:
			page += word + "%04d" % len(word)
		total += len(text) + len(page) + len(f"{text[:20]!r}:{i:>10}")
	return total
