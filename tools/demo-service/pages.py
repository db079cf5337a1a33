# SPDX-License-Identifier: MIT
"""No leak: a cache that grows until every page is in it, and then stays."""

cache = {}


def render(number):
	if number not in cache:
		cache[number] = ("<h1>page %d</h1>" % number) + "text " * 800
	return cache[number]
