/* SPDX-License-Identifier: MIT */
/* All stacks as one tree, with totals per metric, search and names that survive a re-run. */
import { SectionError, section, strings } from './data.js';

export const METRICS = [['live', 'live bytes'], ['peak', 'at the peak'],
	['alloc', 'allocated'], ['temp', 'temporary']];

const VERDICTS = ['flat', 'stable', 'slowing', 'sawtooth', 'leaking', 'short'];

export function verdictName(code) {
	return VERDICTS[code >> 2] ?? 'unknown';
}

/* FNV-1a over UTF-16 units. */
function hashText(text) {
	let h = 0x811c9dc5;
	for (let i = 0; i < text.length; i++)
		h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
	return (h >>> 0).toString(36);
}

export class Tree {
	constructor(places, sites, frames, text) {
		this.n = places.rows;
		this.frame = places.column('frame');
		this.merged = places.column('merged');
		this.sites = sites;
		this.frames = frames;
		this.text = text;
		this.parent = new Int32Array(this.n).fill(-1);
		this.depth = new Int32Array(this.n);
		this.first = new Int32Array(this.n).fill(-1);
		this.next = new Int32Array(this.n).fill(-1);
		this.siteOf = new Int32Array(this.n).fill(-1);
		this.metrics = new Map();
		this.sorted = new Map();
		this.link(places.column('depth'));
		this.place();
	}

	link(depth) {
		const path = [], last = [];
		for (let i = 0; i < this.n; i++) {
			/* A second root holds stacks without their outer frames: a child of the first. */
			const root = i > 0 && depth[i] === 0;
			this.shift = root || (this.shift && i > 0) ? 1 : 0;
			const d = this.depth[i] = depth[i] + this.shift;
			if (d > path.length || (i === 0 && d !== 0))
				throw new SectionError('places', 'depths do not make a tree');
			const up = d ? path[d - 1] : -1;
			this.parent[i] = up;
			path.length = d;
			path.push(i);
			last.length = d + 1;
			if (last[d] !== undefined && this.parent[last[d]] === up)
				this.next[last[d]] = i;
			else if (up >= 0)
				this.first[up] = i;
			last[d] = i;
		}
	}

	place() {
		const at = this.sites.column('place');
		this.placeOf = new Int32Array(at.length);
		for (let i = 0, p = 0; i < at.length; i++) {
			p += at[i];
			if (p >= this.n)
				throw new SectionError('sites', 'names a place that is not there');
			this.placeOf[i] = p;
			this.siteOf[p] = i;
		}
	}

	/* Totals of a column of sites, by node. */
	totals(metric) {
		let t = this.metrics.get(metric);
		if (t)
			return t;
		t = new Float64Array(this.n);
		const own = this.sites.column(metric);
		for (let i = 0; i < own.length; i++)
			t[this.placeOf[i]] += own[i];
		for (let i = this.n - 1; i > 0; i--)
			t[this.parent[i]] += t[i];
		this.metrics.set(metric, t);
		return t;
	}

	self(node, metric) {
		const s = this.siteOf[node];
		return s < 0 ? 0 : this.sites.column(metric)[s];
	}

	/* Children with something of the metric, largest first. */
	children(node, metric) {
		const key = metric + node;
		let list = this.sorted.get(key);
		if (list)
			return list;
		const t = this.totals(metric);
		list = [];
		for (let c = this.first[node]; c >= 0; c = this.next[c])
			if (t[c] > 0)
				list.push(c);
		list.sort((a, b) => t[b] - t[a] || a - b);
		this.sorted.set(key, list);
		return list;
	}

	name(node) {
		const f = this.frame[node];
		if (f === 0)
			return 'all';
		if (f === 1)
			return `(${this.merged[node]} merged)`;
		if (f === 2)
			return '(outer frames missing)';
		return this.text(this.frames.column('function')[f - 3]) || '?';
	}

	file(node) {
		const f = this.frame[node];
		return f < 3 ? '' : this.text(this.frames.column('file')[f - 3]);
	}

	/* "cache.py:88" */
	where(node, whole) {
		const file = this.file(node);
		if (this.frame[node] < 3)
			return '';
		const base = whole ? file : file.slice(file.lastIndexOf('/') + 1) || file;
		return base + ':' + this.frames.column('line')[this.frame[node] - 3];
	}

	label(node) {
		return (this.name(node) + ' ' + this.where(node, true)).trim();
	}

	/* Outermost first, without the root. */
	path(node) {
		const out = [];
		for (let i = node; i > 0; i = this.parent[i])
			out.push(i);
		return out.reverse();
	}

	address(node) {
		return this.path(node).map(i => hashText(this.frame[i] < 3 ? String(this.frame[i]) :
			this.label(i))).join('.');
	}

	/* The node of an address, or the nearest ancestor that exists. */
	find(address) {
		let at = 0;
		const steps = address ? address.split('.') : [];
		for (const step of steps) {
			let hit = -1;
			for (let c = this.first[at]; c >= 0 && hit < 0; c = this.next[c])
				if (hashText(this.frame[c] < 3 ? String(this.frame[c]) : this.label(c)) === step)
					hit = c;
			if (hit < 0)
				return { node: at, exact: false };
			at = hit;
		}
		return { node: at, exact: true };
	}

	stackText(node) {
		return this.path(node).reverse().map(i => this.label(i)).join('\n');
	}

	/* Nodes whose label has every word; bytes below matches, each once. */
	search(words, metric) {
		const frames = new Map(), hits = [], t = this.totals(metric);
		const inside = new Uint8Array(this.n);
		let sum = 0;
		for (let i = 1; i < this.n; i++) {
			const f = this.frame[i];
			let hit = frames.get(f);
			if (hit === undefined) {
				const label = this.label(i).toLowerCase();
				hit = f > 2 && words.every(w => label.includes(w));
				frames.set(f, hit);
			}
			const under = inside[this.parent[i]];
			if (hit && !under)
				sum += t[i];
			inside[i] = hit || under ? 1 : 0;
			if (hit && t[i] > 0)
				hits.push(i);
		}
		return { hits, set: new Set(hits), sum };
	}
}

let treePromise = null;

export function loadTree() {
	treePromise ??= Promise.all([section('places'), section('sites'), section('frames'), strings()])
		.then(([p, s, f, t]) => new Tree(p, s, f, t));
	return treePromise;
}
