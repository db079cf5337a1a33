/* SPDX-License-Identifier: MIT */
/*
 * The search text: words all of which must be found, -word for none of it, /expression/,
 * "type:", "site:", "file:", "holder:", "thread:" before a word for that part only, and a
 * least size, ">1M".
 */
const FIELDS = /^(type|site|file|holder|thread):(.+)$/;
const SIZE = /^>(\d+(?:\.\d+)?)([kmg]?)(?:ib|b)?$/i;
const UNIT = { '': 1, k: 1024, m: 1048576, g: 1073741824 };

function matcher(text) {
	const m = /^\/(.+)\/$/.exec(text);
	if (m) {
		try {
			const expression = new RegExp(m[1], 'i');
			return s => expression.test(s);
		} catch {
			return () => false;
		}
	}
	const word = text.toLowerCase();
	return s => s.toLowerCase().includes(word);
}

export function parseQuery(text) {
	const terms = [];
	let least = 0;
	for (let w of text.split(/\s+/).filter(Boolean)) {
		const size = SIZE.exec(w), not = w.length > 1 && w[0] === '-';
		if (size) {
			least = size[1] * UNIT[size[2].toLowerCase()];
			continue;
		}
		w = not ? w.slice(1) : w;
		const f = FIELDS.exec(w);
		terms.push({ field: f ? f[1] : null, not, test: matcher(f ? f[2] : w) });
	}
	return { terms, least, empty: !terms.length && !least };
}

/* fields: { any, type, site, file, … }; a field a view does not have is not asked. */
export function passes(query, fields) {
	return query.terms.every(t => {
		const s = t.field ? fields[t.field] : fields.any;
		return s === undefined || t.test(s) !== t.not;
	});
}
