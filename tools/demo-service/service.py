# SPDX-License-Identifier: MIT
"""A small news service with two leaks and one cache that only looks like one.

Each request renders a page for a visitor. What grows:
  - feed.subscribe() keeps a listener for every request and nobody ever takes one off the list;
  - sessions.remember() files the visitor's state under an id that is new every time;
  - pages.render() caches pages by number. There are PAGES of them: it grows, then stops.
"""
import sys
import time

import feed
import pages
import sessions

PAGES = 3000


def handle(number):
	page = pages.render(number * 7919 % PAGES)
	session = sessions.remember(number, page)
	listener = feed.subscribe(session)
	return len(page) + listener.seen


def serve(seconds):
	end = time.monotonic() + seconds
	number = 0
	while time.monotonic() < end:
		for _ in range(4):
			handle(number)
			number += 1
		feed.publish("news %d" % number)
		time.sleep(0.004)
	return number


if __name__ == "__main__":
	print("serving", flush=True)
	print("%d requests" % serve(float(sys.argv[1])), flush=True)
