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
	leads = [row for row in report["leaks"] if row["state"] == "accused" and row["part_of"] is None]

	def told(function, kind, holder):
		return any(
			(row["function"] or "").rpartition(".")[2] == function
			and (row["type"] or "").rpartition(".")[2] == kind
			and holder in (row["holder"] or "")
			and row["sentence"].split()[0] in text
			for row in leads
		)

	accused = {(row["file"] or "").rpartition("/")[2] for row in report["leaks"] if row["state"] == "accused"}
	claims = [
		("leak one: Listener, made in subscribe, held by list feed.listeners", told("subscribe", "Listener", "list feed.listeners")),
		("leak two: dict, made in remember, held by dict sessions.states", told("remember", "dict", "dict sessions.states")),
		("they are two suspects, and there is no third", len(leads) == 2),
		("does not accuse the cache of pages.py", "pages.py" not in accused),
	]
	for claim, holds in claims:
		print("  %s  %s" % ("yes" if holds else "NO ", claim))
	return 0 if all(holds for _, holds in claims) else 1


sys.exit(main())
