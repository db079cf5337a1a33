# SPDX-License-Identifier: MIT
"""Leak: asyncio tasks that wait for answers nobody sends."""
import asyncio
import json
import select
import sys

TRUTH = {"leaks": [
	{"type": "Task Future", "site": "ask", "holder": ["answers"]},
]}


answers = []


async def question(answer):
	text = bytes(300)
	await answer
	return text


def ask(loop):
	answer = loop.create_future()
	answers.append(answer)
	loop.create_task(question(answer))


async def main():
	loop = asyncio.get_running_loop()
	while not select.select([sys.stdin], [], [], 0)[0]:
		ask(loop)
		ask(loop)
		await asyncio.sleep(0.01)


if __name__ == "__main__":
	print("READY " + json.dumps(TRUTH), flush=True)
	asyncio.run(main())
