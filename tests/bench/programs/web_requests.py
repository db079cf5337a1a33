# SPDX-License-Identifier: MIT
"""What a small web service does all day: parse, route, look up, render, log."""
import hashlib
import io
import urllib.parse

ROUTES = {"/user/%d" % i: "user_page" for i in range(50)}
SESSIONS = {}


class Request:
	def __init__(self, text):
		head, _, body = text.partition("\r\n\r\n")
		lines = head.split("\r\n")
		self.method, self.url, self.version = lines[0].split(" ")
		self.headers = dict(line.split(": ", 1) for line in lines[1:])
		parts = urllib.parse.urlsplit(self.url)
		self.path = parts.path
		self.query = urllib.parse.parse_qs(parts.query)
		self.body = body


def user_page(request, number):
	out = io.StringIO()
	out.write("<html><h1>%s</h1><ul>" % request.path)
	for name, values in request.query.items():
		out.write("<li>{}={}</li>".format(name, ",".join(values)))
	out.write("</ul></html>")
	SESSIONS[number % 500] = {"path": request.path, "agent": request.headers["User-Agent"]}
	return out.getvalue()


def work():
	total = 0
	for i in range(300):
		text = ("GET /user/%d?page=%d&sort=name&tag=a&tag=b HTTP/1.1\r\nHost: example.org\r\n"
			"User-Agent: bench/%d\r\nAccept: text/html\r\nCookie: id=%d\r\n\r\n" % (i % 50, i, i % 5, i))
		request = Request(text)
		page = globals()[ROUTES[request.path]](request, i)
		total += len(page) + len(hashlib.sha1(page.encode()).hexdigest())
	return total
