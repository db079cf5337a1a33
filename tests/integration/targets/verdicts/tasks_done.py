# SPDX-License-Identifier: MIT
"""No leak: asyncio tasks that come to their end."""
import asyncio
import json
import select
import sys

TRUTH = {"leaks": []}


async def question(n):
	text = bytes(n)
	await asyncio.sleep(0.02)
	return text


async def main():
	while not select.select([sys.stdin], [], [], 0)[0]:
		asyncio.ensure_future(question(400))
		asyncio.ensure_future(question(300))
		await asyncio.sleep(0.01)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	asyncio.run(main())
