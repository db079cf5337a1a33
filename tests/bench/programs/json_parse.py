# SPDX-License-Identifier: MIT
"""Parses and writes JSON: millions of small blocks that die with the document."""
import json
import random

rng = random.Random(1)
TEXT = json.dumps({
	"users": [{
		"id": i,
		"name": "user %d" % i,
		"mail": "user%d@example.org" % i,
		"score": rng.random() * 100,
		"tags": ["tag%d" % rng.randrange(400) for _ in range(6)],
		"address": {"street": "Street %d" % i, "zip": "%05d" % i, "geo": [rng.random(), rng.random()]},
	} for i in range(250)],
})


def work():
	document = json.loads(TEXT)
	return len(json.dumps(document)) + len(document["users"])
