# SPDX-License-Identifier: MIT
"""Builds, writes, parses and walks an XML tree."""
import xml.etree.ElementTree as etree


def build():
	root = etree.Element("catalogue")
	for i in range(150):
		entry = etree.SubElement(root, "entry", {"id": str(i), "kind": "k%d" % (i % 7)})
		for name in ("title", "author", "note"):
			etree.SubElement(entry, name).text = "%s of entry %d" % (name, i)
	return root


def work():
	text = etree.tostring(build())
	root = etree.fromstring(text)
	return sum(len(child.text) for entry in root.iter("entry") for child in entry)
