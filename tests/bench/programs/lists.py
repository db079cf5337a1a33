# SPDX-License-Identifier: MIT
"""Lists and tuples that grow, are sliced, sorted and thrown away."""


def work():
	total = 0
	for size in range(10, 130):
		rows = [(i, i * i, [i] * (i % 7)) for i in range(size)]
		rows.sort(key=lambda row: (-row[1], row[0]))
		columns = list(zip(*rows))
		flat = []
		for row in rows:
			flat.extend(row[2])
		pairs = list(zip(columns[0], columns[1]))
		total += len(flat) + len(pairs) + len(rows[3:-3]) + len(tuple(reversed(flat)))
	return total
