# SPDX-License-Identifier: MIT
"""Pipelines of generators and comprehensions."""


def numbers(n):
	for i in range(n):
		yield i


def windows(source, size):
	had = []
	for number in source:
		had.append(number)
		if len(had) == size:
			yield tuple(had)
			had = []


def permutations(letters):
	if not letters:
		yield ()
	for i, letter in enumerate(letters):
		for rest in permutations(letters[:i] + letters[i + 1:]):
			yield (letter,) + rest


def work():
	total = sum(sum(window) for window in windows(numbers(8000), 7))
	total += sum(1 for _ in permutations("abcdef"))
	return total + len({n: str(n) for n in numbers(3000) if n % 3})
