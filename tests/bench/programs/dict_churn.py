# SPDX-License-Identifier: MIT
"""A cache that is always full: one entry leaves for each that comes."""
import collections


def work():
	cache = collections.OrderedDict()
	plain = {}
	for i in range(8000):
		key = "key-%d" % i
		cache[key] = {"value": i, "text": key * 2}
		if len(cache) > 1000:
			old, _ = cache.popitem(last=False)
			plain.pop(old, None)
		plain[key] = (i, key)
	return len(cache) + len(plain)
