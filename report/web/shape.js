/* SPDX-License-Identifier: MIT */
/*
 * Other trees of the same rows: upside down, without a frame, a frame merged into its caller,
 * only what is above or below one frame, without the frames of a kind, of one thread. A shape is a
 * list of steps { act, frame }; frame is the kind that is hidden, or the number of the thread.
 */
import { OfThread, Tree } from './tree.js';

/* Frames that say how Python came to a line, not who asked for it, by file. */
export const HIDEABLE = { imports: /^<frozen (importlib|zipimport)|\bimportlib[\\/]_bootstrap/,
	interpreter: /^<frozen (?!importlib|zipimport)|(^|[\\/])(runpy|threading)\.py$/ };

/* Numbers of the frames of a kind. */
export function framesOf(tree, kind) {
	const files = tree.frames.column('file'), out = new Set();
	for (let i = 0; i < files.length; i++)
		if (HIDEABLE[kind]?.test(tree.text(files[i])))
			out.add(i + 3);
	return out;
}

/* act: what becomes of a path of frames, outermost first; null: the row is not in the tree. */
const ACTS = {
	up: path => path.slice().reverse(),
	drop: (path, frame) => path.includes(frame) ? null : path,
	merge: (path, frame) => path.filter(f => f !== frame),
	hide: (path, frames) => path.filter(f => !frames.has(f)),
	callees: (path, frame) => path.includes(frame) ? path.slice(path.indexOf(frame)) : null,
	callers: (path, frame) => path.includes(frame) ? path.slice(0, path.lastIndexOf(frame) + 1).reverse() : null,
};

export const ACT_WORDS = { up: 'callees first', drop: 'without', merge: 'merged', callees: 'below',
	callers: 'callers of', hide: 'hidden:', thread: 'thread' };

/* A tree out of paths of frames. */
export class Builder {
	constructor() {
		this.children = [new Map()];
		this.frame = [0];
		this.merged = [0];
	}

	step(at, frame, merged) {
		/* Merged rests never join: each names its own parts. */
		const key = frame === 1 ? 'm' + this.frame.length : frame;
		let to = this.children[at].get(key);
		if (to === undefined) {
			to = this.frame.length;
			this.children[at].set(key, to);
			this.children.push(new Map());
			this.frame.push(frame);
			this.merged.push(merged);
		}
		return to;
	}

	/* Numbers in pre-order, as Tree wants them. */
	finish(rowNode) {
		const order = new Int32Array(this.frame.length), depth = [], frame = [], merged = [], todo = [[0, 0]];
		while (todo.length) {
			const [node, d] = todo.pop();
			order[node] = frame.length;
			depth.push(d);
			frame.push(this.frame[node]);
			merged.push(this.merged[node]);
			for (const c of [...this.children[node].values()].reverse())
				todo.push([c, d + 1]);
		}
		return { depth, frame, merged, rowNode: rowNode.map(n => n < 0 ? -1 : order[n]) };
	}
}

export function shaped(whole, steps) {
	if (!steps.length)
		return whole;
	const b = new Builder(), rows = new Int32Array(whole.rowNode.length).fill(-1);
	const thread = steps.find(s => s.act === 'thread');
	const figures = thread ? new OfThread(whole.figures, thread.frame, whole.owners) : whole.figures;
	steps = steps.filter(s => s !== thread).map(s => s.act === 'hide' ? { act: s.act, frame: framesOf(whole, s.frame) } : s);
	for (let i = 0; i < rows.length; i++) {
		if (thread && !figures.has(i))
			continue;
		const nodes = whole.path(whole.rowNode[i]);
		let path = nodes.map(n => whole.frame[n]);
		for (const s of steps)
			path = path && ACTS[s.act](path, s.frame);
		if (!path)
			continue;
		const merged = whole.merged[whole.rowNode[i]];
		rows[i] = path.reduce((at, f) => b.step(at, f, f === 1 ? merged : 0), 0);
	}
	return new Tree(b.finish(rows), figures, whole.frames, whole.text);
}
