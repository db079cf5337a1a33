# SPDX-License-Identifier: MIT
"""A small news service with two leaks and one cache that only looks like one.

Each request renders a page for a visitor. What grows:
  - feed.subscribe() keeps a listener for every request and nobody ever takes one off the list;
  - sessions.remember() files the visitor's state under an id that is new every time;
  - pages.render() caches pages by number. After FILL seconds visitors know them all: it grows, then stops.
"""
import sys
import time

import feed
import pages
import sessions

FILL = 4  # by the clock, so that it stops on a busy machine, too


def handle(number, wanted):
	page = pages.render(wanted)
	session = sessions.remember(number, page)
	listener = feed.subscribe(session)
	return len(page) + listener.seen


def serve(seconds):
	end, full = time.monotonic() + seconds, time.monotonic() + FILL
	number = known = 0
	while time.monotonic() < end:
		for number in range(number + 1, number + 5):
			handle(number, number % known if known else number)
			known = known or number * (time.monotonic() > full)
		feed.publish("news %d" % number)
		time.sleep(0.004)
	return number


if __name__ == "__main__":
	print("serving", flush=True)
	print("%d requests" % serve(float(sys.argv[1])), flush=True)
