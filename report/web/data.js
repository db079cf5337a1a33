/* SPDX-License-Identifier: MIT */
/*
 * The data sections: base64, inflate, check, then columns decoded when first asked for. The
 * layout is described in report/view/html/pack.h. Anything wrong is an error that names its section.
 */
const VERSION = 1;

export class SectionError extends Error {
	constructor(section, what) {
		super(`${section}: ${what}`);
		this.section = section;
	}
}

let crcTable = null;

function crc32(data) {
	if (!crcTable) {
		crcTable = new Int32Array(256);
		for (let i = 0; i < 256; i++) {
			let c = i;
			for (let k = 0; k < 8; k++)
				c = c & 1 ? c >>> 1 ^ 0xedb88320 : c >>> 1;
			crcTable[i] = c;
		}
	}
	let c = -1;
	for (let i = 0; i < data.length; i++)
		c = crcTable[(c ^ data[i]) & 255] ^ c >>> 8;
	return ((c ^ -1) >>> 0).toString(16).padStart(8, '0');
}

async function inflate(raw) {
	const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
	return new Uint8Array(await new Response(stream).arrayBuffer());
}

export class Reader {
	constructor(data, at = 0, end = data.length) {
		this.data = data;
		this.at = at;
		this.end = end;
	}

	number() {
		let v = 0, scale = 1, b;
		do {
			if (this.at >= this.end)
				throw new RangeError('ends early');
			b = this.data[this.at++];
			v += (b & 127) * scale;
			scale *= 128;
		} while (b & 128);
		return v;
	}

	signed() {
		const v = this.number();
		return v % 2 ? -(v + 1) / 2 : v / 2;
	}

	slice() {
		const n = this.number();
		if (n > this.end - this.at)
			throw new RangeError('ends early');
		this.at += n;
		return this.data.subarray(this.at - n, this.at);
	}
}

export class Table {
	constructor(id, data) {
		this.id = id;
		this.columns = new Map();
		this.decoded = new Map();
		const r = new Reader(data), words = new TextDecoder();
		this.rows = r.number();
		while (r.at < data.length) {
			const name = words.decode(r.slice());
			const kind = String.fromCharCode(data[r.at++]);
			this.columns.set(name, { kind, data: r.slice() });
		}
	}

	/* A typed array of numbers, or an array of byte slices for kind b. */
	column(name) {
		if (this.decoded.has(name))
			return this.decoded.get(name);
		const c = this.columns.get(name);
		if (!c)
			throw new SectionError(this.id, `column ${name} is missing`);
		const r = new Reader(c.data);
		const out = c.kind === 'b' ? new Array(this.rows) : new Float64Array(this.rows);
		for (let i = 0; i < this.rows; i++)
			out[i] = c.kind === 'b' ? r.slice() : c.kind === 's' ? r.signed() : r.number();
		if (r.at !== c.data.length)
			throw new SectionError(this.id, `column ${name} is longer than the table`);
		this.decoded.set(name, out);
		return out;
	}
}

async function readSection(id) {
	const element = document.getElementById('pmp-' + id);
	if (!element)
		throw new SectionError(id, 'is missing');
	const { version, enc, bytes: size, crc } = element.dataset;
	if (Number(version) !== VERSION)
		throw new SectionError(id, `has version ${version}, this page reads ${VERSION}`);
	try {
		const raw = Uint8Array.from(atob(element.textContent), c => c.charCodeAt(0));
		const data = enc === 'none' ? raw : await inflate(raw);
		if (data.length !== Number(size) || crc32(data) !== crc)
			throw new RangeError('checksum differs');
		return new Table(id, data);
	} catch (e) {
		if (e instanceof SectionError)
			throw e;
		throw new SectionError(id, e.message || 'cannot be decoded');
	}
}

const sectionCache = new Map();

/* A table by name; rejects with a SectionError. */
export function section(id) {
	if (!sectionCache.has(id))
		sectionCache.set(id, readSection(id));
	return sectionCache.get(id);
}

/* n → text, decoded when asked. */
export async function strings() {
	const all = (await section('strings')).column('text'), words = new TextDecoder();
	const cache = new Array(all.length);
	return i => {
		if (i >= all.length)
			throw new SectionError('strings', `has no text ${i}`);
		return cache[i] ??= words.decode(all[i]);
	};
}
