# SPDX-License-Identifier: MIT
"""Leak one: whoever listens, listens for ever."""

LATEST = []
listeners = []


class Listener:
	def __init__(self, session):
		self.seen = 0
		self.session = session
		self.inbox = bytearray(2000)

	def hear(self, text):
		self.seen += 1


def subscribe(session):
	listener = Listener(session)
	listeners.append(listener)  # and where is unsubscribe()?
	return listener


def publish(text):
	LATEST[:] = [text]
	for listener in listeners[-20:]:
		listener.hear(text)
