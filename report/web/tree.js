/* SPDX-License-Identifier: MIT */
/* All stacks as one tree, with totals per metric, search and names that survive a re-run. */
import { Reader, SectionError, section, strings } from './data.js';
import { state } from './store.js';

export const METRICS = [['live', 'live bytes'], ['grew', 'growth in the range'], ['peak', 'at the peak'],
	['alloc', 'allocated'], ['temp', 'temporary']];

const VERDICTS = ['flat', 'stable', 'slowing', 'sawtooth', 'leaking', 'short'];

export function verdictName(code) {
	return VERDICTS[code >> 2] ?? 'unknown';
}

/* FNV-1a over UTF-16 units. */
export function hashText(text) {
	let h = 0x811c9dc5;
	for (let i = 0; i < text.length; i++)
		h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
	return (h >>> 0).toString(36);
}

/* Nodes in pre-order: depth and frame of each; rowNode: the node of each row of figures, or -1. */
export class Tree {
	constructor({ depth, frame, merged, rowNode }, figures, frames, text) {
		Object.assign(this, { frame, merged, rowNode, figures, frames, text, n: frame.length });
		this.parent = new Int32Array(this.n).fill(-1);
		this.first = new Int32Array(this.n).fill(-1);
		this.next = new Int32Array(this.n).fill(-1);
		this.forget();
		this.link(depth);
	}

	/* After the range of time changed: figures are others. */
	forget() {
		this.sums = new Map();
		this.owns = new Map();
		this.sorted = new Map();
	}

	link(depth) {
		const path = [], last = [];
		let shift = 0;
		for (let i = 0; i < this.n; i++) {
			/* A second root holds stacks without their outer frames: a child of the first. */
			if (i > 0 && depth[i] === 0)
				shift = 1;
			const d = depth[i] + shift;
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

	/* Figures of the nodes themselves. */
	own(metric) {
		let t = this.owns.get(metric);
		if (t)
			return t;
		t = new Float64Array(this.n);
		const rows = this.figures.column(metric);
		for (let i = 0; i < this.rowNode.length; i++)
			if (this.rowNode[i] >= 0)
				t[this.rowNode[i]] += rows[i];
		this.owns.set(metric, t);
		return t;
	}

	/* The same with everything below. What shrank has no width. */
	totals(metric) {
		let t = this.sums.get(metric);
		if (t)
			return t;
		t = Float64Array.from(this.own(metric));
		for (let i = this.n - 1; i > 0; i--)
			t[this.parent[i]] += t[i];
		this.sums.set(metric, t);
		return t;
	}

	self(node, metric) {
		return this.own(metric)[node];
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

	/* Nodes whose frame passes, of at least so many bytes; bytes below matches, each once. */
	search(test, least, metric) {
		const frames = new Map(), hits = [], t = this.totals(metric);
		const inside = new Uint8Array(this.n);
		let sum = 0;
		for (let i = 1; i < this.n; i++) {
			const f = this.frame[i];
			let hit = frames.get(f);
			if (hit === undefined) {
				hit = f > 2 && test(this.label(i), this.file(i));
				frames.set(f, hit);
			}
			hit = hit && t[i] >= least;
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

/* Rows of sites; under a range of time live bytes are those at its end, growth that within it. */
export class Figures {
	constructor(sites, course) {
		this.sites = sites;
		this.course = course;
		this.range = null;
		this.rows = sites.rows;
	}

	column(name) {
		if (!this.range)
			return this.sites.column(name === 'grew' ? 'live' : name);
		if (name === 'live')
			return this.course.at(this.range[1]);
		if (name !== 'grew')
			return this.sites.column(name);
		const from = this.course.at(this.range[0]);
		return Float64Array.from(this.course.at(this.range[1]), (v, i) => v - from[i]);
	}
}

/*
 * The figures of one thread. Rows of several threads are taken apart, but for their course: under
 * a range of time they count for nobody.
 */
export class OfThread {
	constructor(figures, thread, { of, parts }) {
		Object.assign(this, { figures, thread, of, parts, sites: figures.sites, rows: figures.rows });
	}

	has(row) {
		return this.of[row] === this.thread || this.shared().has(row);
	}

	shared() {
		return this.mine ??= new Set(this.parts.column('row').filter((_, k) => this.parts.column('thread')[k] === this.thread));
	}

	column(name) {
		const all = this.figures.column(name), out = new Float64Array(all.length);
		for (let i = 0; i < out.length; i++)
			out[i] = this.of[i] === this.thread ? all[i] : 0;
		if (this.figures.range && (name === 'live' || name === 'grew'))
			return out;
		const part = this.parts.column(name), row = this.parts.column('row');
		for (let k = 0; k < row.length; k++)
			if (this.parts.column('thread')[k] === this.thread)
				out[row[k]] += part[k];
		return out;
	}
}

/* Who made the rows, or null when it was one thread alone. Names are made to differ. */
async function whose() {
	if (!document.getElementById('pmp-owners'))
		return null;
	const [threads, owners, parts, text] = await Promise.all([section('threads'), section('owners'), section('parts'), strings()]);
	const names = [];
	for (let i = 0; i < threads.rows; i++) {
		const name = text(threads.column('name')[i]) || 'no name', same = names.filter(n => n.replace(/ #\d+$/, '') === name).length;
		names.push(same ? `${name} #${same + 1}` : name);
	}
	return { names, of: owners.column('thread'), parts };
}

/* Live bytes of each row over time, decoded a row at a time. */
export class Course {
	constructor(series, times) {
		this.ms = times.column('ms');
		this.lines = series.column('course');
	}

	/* What a row held at each of the times. */
	values(row) {
		const r = new Reader(this.lines[row]), out = new Float64Array(this.ms.length);
		let live = 0, at = 0;
		while (r.at < r.end) {
			const gap = r.number();
			out.fill(live, at, at + gap);
			at += gap;
			live += r.signed();
		}
		return out.fill(live, at);
	}

	/* What each row held at the last time up to ms. */
	at(ms) {
		let bucket = -1;
		while (bucket + 1 < this.ms.length && this.ms[bucket + 1] <= ms)
			bucket++;
		return Float64Array.from(this.lines, line => {
			const r = new Reader(line);
			let live = 0, at = 0;
			while (r.at < r.end) {
				at += r.number();
				if (at > bucket)
					break;
				live += r.signed();
			}
			return live;
		});
	}
}

/* Nodes of the rows of sites: their places are written as differences. */
function nodesOfRows(sites, n) {
	const at = sites.column('place'), out = new Int32Array(at.length);
	for (let i = 0, p = 0; i < at.length; i++) {
		p += at[i];
		if (p >= n)
			throw new SectionError('sites', 'names a place that is not there');
		out[i] = p;
	}
	return out;
}

let treePromise = null;

/* The tree of all stacks, read once; it is state.whole from then on, under the range there is. */
export async function wholeTree() {
	treePromise ??= Promise.all([section('places'), section('sites'), section('frames'), strings(),
		section('series'), section('times'), whose()]).then(([p, s, f, t, series, times, owners]) => Object.assign(new Tree({
		depth: p.column('depth'), frame: p.column('frame'), merged: p.column('merged'),
		rowNode: nodesOfRows(s, p.rows) }, new Figures(s, new Course(series, times)), f, t), { owners }));
	const tree = await treePromise;
	if (!state.whole) {
		state.whole = tree;
		tree.figures.range = state.brush;
	}
	state.tree ??= tree;
	return tree;
}
