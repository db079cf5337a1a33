# SPDX-License-Identifier: MIT
"""Compare a report of the demo service with what the service is known to do.

usage: verdict.py REPORT.json REPORT.txt
"""
import json
import sys


def main():
	with open(sys.argv[1]) as source:
		report = json.load(source)
	with open(sys.argv[2]) as source:
		text = source.read()
	suspects = [report["sites"][i]["stack"] for i in report["suspects"]]
	made = {(f["file"].rpartition("/")[2], f["function"].rpartition(".")[2]) for stack in suspects for f in stack[:2]}
	innermost = {stack[0]["file"].rpartition("/")[2] for stack in suspects if stack}
	claims = [
		("names leak one: the listeners of feed.py", ("feed.py", "subscribe") in made and "feed.py" in text),
		("names leak two: the states of sessions.py", ("sessions.py", "remember") in made and "sessions.py" in text),
		("does not accuse the cache of pages.py", "pages.py" not in innermost),
	]
	for claim, holds in claims:
		print("  %s  %s" % ("yes" if holds else "NO ", claim))
	return 0 if all(holds for _, holds in claims) else 1


sys.exit(main())
