# SPDX-License-Identifier: MIT
"""Finds, groups and substitutes with regular expressions."""
import re

LOG = "\n".join("2024-01-%02d 10:%02d:%02d host%d app[%d]: GET /item/%d?q=%d HTTP/1.1 200 %d" %
		(i % 28 + 1, i % 60, i % 59, i % 9, i, i * 7, i % 13, i * 11) for i in range(600))
LINE = re.compile(r"^(\S+) (\S+) (\S+) (\w+)\[(\d+)\]: (\w+) (\S+) \S+ (\d+) (\d+)$", re.M)
WORD = re.compile(r"[a-z]+|\d+")


def work():
	total = 0
	for match in LINE.finditer(LOG):
		fields = match.groups()
		total += len(match.groupdict()) + len(fields[6])
	total += len(WORD.findall(LOG))
	return total + len(re.sub(r"/item/(\d+)", lambda m: "/i/" + m.group(1)[::-1], LOG))
