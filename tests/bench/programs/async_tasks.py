# SPDX-License-Identifier: MIT
"""A tree of tasks: many frames, futures and callbacks that live for a moment."""
import asyncio


async def leaf(n):
	await asyncio.sleep(0)
	return [n, str(n)]


async def node(depth):
	if depth == 0:
		return len(await leaf(depth))
	return sum(await asyncio.gather(*[node(depth - 1) for _ in range(5)]))


def work():
	return asyncio.run(node(4))
