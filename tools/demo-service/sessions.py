# SPDX-License-Identifier: MIT
"""Leak two: a cache whose key never comes back."""

states = {}


def remember(number, page):
	key = "visitor-%d-%d" % (number, id(page))
	states[key] = {"page": page, "history": [key] * 60, "basket": bytes(600)}
	return key
