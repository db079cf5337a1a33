/* SPDX-License-Identifier: MIT */
/*
 * The icicle: root on top, largest left, drawn on a canvas. Only what is at least a pixel wide
 * is visited, so the size of the tree does not matter; narrower siblings become one grey rest.
 */
import { bytes, count, percent } from './units.js';
import { arrow, el, say } from './dom.js';

const ROW = 24;
const ROWS_MAX = 300;
const NARROW = 1.5;
const HUES = 18;
const HUE_STEP = 20;
const NO_STACK = '(no Python stack)';

function hueOf(file) {
	const name = file.slice(file.lastIndexOf('/') + 1);
	let h = 0;
	for (let i = 0; i < name.length; i++)
		h = Math.imul(h ^ name.charCodeAt(i), 0x01000193) + 0x9e3779b9 | 0;
	return (h >>> 7) % HUES;
}

/* One line about a node. Under a range of time blocks are not known. */
export function describe(state, node) {
	const { tree, metric, estimate, brush } = state, t = tree.totals(metric), a = estimate ? '~' : '';
	const self = tree.self(node, metric), timed = brush && (metric === 'live' || metric === 'grew');
	const blocks = timed || metric === 'grew' ? '' : `, ${count(tree.totals(metric + '_blocks')[node])} ${state.noun ?? 'blocks'}`;
	return `${tree.label(node)}: ${a}${bytes(t[node])} (${percent(t[node], t[0])} %), self ${a}${bytes(self)}${blocks}`;
}

export class Flame {
	/* state: { tree, metric, focus, selected, matches, estimate }; on: { select, focus } */
	constructor(state, on, id = 'icicle') {
		this.state = state;
		this.on = on;
		this.rects = [];
		this.canvas = el('canvas', { tabindex: 0, role: 'application', id,
			'aria-roledescription': 'flame graph', 'aria-describedby': 'flame-help',
			'aria-label': 'Flame graph; the tree button shows the same as rows' });
		this.tip = el('div', { class: 'tip', 'aria-hidden': 'true' });
		this.element = el('div', { class: 'flame' }, this.canvas, this.tip);
		this.canvas.addEventListener('click', e => this.pointer(e, n => on.select(n)));
		this.canvas.addEventListener('dblclick', e => this.pointer(e, n => on.focus(n)));
		this.canvas.addEventListener('mousemove', e => this.hover(e));
		this.canvas.addEventListener('mouseleave', () => { this.tip.textContent = ''; });
		this.canvas.addEventListener('keydown', e => this.key(e));
		new ResizeObserver(() => this.draw()).observe(this.element);
	}

	layout(width) {
		const { tree, metric, focus } = this.state, t = tree.totals(metric);
		const whole = t[focus] || 1, rects = [];
		const above = tree.path(focus);
		above.pop();
		if (focus > 0)
			above.unshift(0);
		above.forEach((node, i) => rects.push({ node, x: 0, w: width, row: i, above: true }));
		const queue = [{ node: focus, x: 0, w: width, row: above.length }];
		for (let i = 0; i < queue.length; i++) {
			const r = queue[i];
			rects.push(r);
			if (r.row + 1 >= ROWS_MAX)
				continue;
			let x = r.x, parts = 0;
			const own = r.node === 0 ? tree.self(0, metric) / whole * width : 0;
			if (own >= 0.5)
				rects.push({ node: -1, x: r.x + r.w - own, w: own, row: r.row + 1,
					rest: tree.self(0, metric), words: NO_STACK });
			for (const c of tree.children(r.node, metric)) {
				const w = t[c] / whole * width;
				if (w < NARROW) {
					parts++;
					continue;
				}
				if (parts === 0) {
					queue.push({ node: c, x, w, row: r.row + 1 });
					x += w;
				}
			}
			const list = tree.children(r.node, metric);
			if (parts > 0) {
				let rest = 0;
				for (let k = list.length - parts; k < list.length; k++)
					rest += t[list[k]];
				const w = rest / whole * width;
				if (w >= 0.5)
					rects.push({ node: -1, x, w, row: r.row + 1, rest,
						words: `(${parts} more)` });
			}
		}
		return rects;
	}

	colours() {
		const s = getComputedStyle(this.element);
		const v = n => s.getPropertyValue(n).trim();
		return { text: v('--flame-text'), tone: v('--flame-tone'), rest: v('--rest'), mark: v('--mark'),
			marked: v('--mark-text'), line: v('--ink'), page: v('--page'), bad: v('--bad'), more: v('--more'), less: v('--less') };
	}

	draw() {
		const width = this.element.clientWidth;
		if (!width)
			return;
		const began = performance.now();
		const ratio = devicePixelRatio || 1, rects = this.rects = this.layout(width);
		let rows = 1;
		for (const r of rects)
			rows = Math.max(rows, r.row + 1);
		this.canvas.width = width * ratio;
		this.canvas.height = rows * ROW * ratio;
		this.canvas.style.height = rows * ROW + 'px';
		const g = this.canvas.getContext('2d'), c = this.colours();
		g.scale(ratio, ratio);
		g.font = '13px ' + getComputedStyle(document.body).fontFamily;
		this.each = 0;
		g.textBaseline = 'middle';
		for (const r of rects)
			this.rectangle(g, r, c);
		this.canvas.dataset.rects = rects.length;
		this.canvas.dataset.ms = (performance.now() - began).toFixed(1);
		if (!performance.getEntriesByName('first-flame').length)
			performance.mark('first-flame');
	}

	rectangle(g, r, c) {
		const { tree, selected, matches } = this.state;
		const y = r.row * ROW, hit = matches && matches.set.has(r.node);
		const plain = c.tone === 'none';
		g.globalAlpha = r.above ? 0.55 : matches && !hit && r.node > 0 ? 0.45 : 1;
		g.fillStyle = r.node < 0 || r.node === 0 ? c.rest : hit ? c.mark : plain ? c.page :
			`hsl(${this.hue(r.node)} ${c.tone})`;
		g.fillRect(r.x, y, Math.max(r.w - 1, 0.5), ROW - 1);
		if (plain) {
			g.strokeStyle = c.line;
			g.lineWidth = 1;
			g.strokeRect(r.x + 0.5, y + 0.5, Math.max(r.w - 1, 0.5), ROW - 1);
		}
		g.globalAlpha = 1;
		if (tree.change && r.node >= 0)
			this.tone(g, r, c, y);
		const leak = r.node > 0 && this.state.leaks?.has(r.node);
		if (leak && r.w >= 3) {
			g.fillStyle = c.bad;
			g.fillRect(r.x, y, 4, ROW - 1);
		}
		if (r.node === selected) {
			g.strokeStyle = c.line;
			g.lineWidth = 2.5;
			g.strokeRect(r.x + 1.2, y + 1.2, Math.max(r.w - 3.4, 1), ROW - 3.4);
		}
		if (r.w < 34)
			return;
		g.fillStyle = hit ? c.marked : c.text;
		const text = r.node < 0 ? r.words : tree.name(r.node);
		const where = r.node < 0 ? '' : r.node === 0 && !tree.change ? bytes(tree.totals(this.state.metric)[0]) : tree.where(r.node, false);
		this.write(g, text, where, r.x + (leak ? 10 : 7), y + ROW / 2 + 0.5, r.w - 13);
	}

	/* The part that came, hatched; the part that went, dotted: of the width of a frame. */
	tone(g, r, c, y) {
		const { tree } = this.state, d = tree.change(r.node);
		const part = Math.abs(d) / Math.max(tree.totals('before')[r.node], tree.totals('after')[r.node], 1);
		const w = Math.max(r.w - 1, 0.5) * part, x = r.x + Math.max(r.w - 1, 0.5) - w;
		g.fillStyle = d > 0 ? c.more : c.less;
		g.fillRect(x, y, w, ROW - 1);
		g.fillStyle = c.page;
		g.globalAlpha = 0.35;
		for (let i = 3; i < w && d; i += 5)
			g.fillRect(x + i, y, 1, d > 0 ? ROW - 1 : 3);
		g.globalAlpha = 1;
	}

	/* As many characters as fit: the name first, the place when there is room. */
	write(g, text, where, x, y, room) {
		const each = this.each ||= g.measureText('abcdefghijklmnop').width / 16;
		const fits = Math.floor(room / each);
		if (text.length > fits) {
			if (fits > 3)
				g.fillText(text.slice(0, fits - 1) + '\u2026', x, y, room);
			return;
		}
		const wide = g.measureText(text).width;
		g.fillText(text, x, y, room);
		if (!where || wide + (where.length + 1) * each > room)
			return;
		g.globalAlpha = 0.68;
		g.fillText(where, x + wide + each, y);
		g.globalAlpha = 1;
	}

	/* A colour per file out of its name; of two large files with one colour the smaller moves on. */
	hue(node) {
		const cache = this.hues ??= this.spread();
		const file = this.state.tree.file(node);
		return cache.get(file) ?? hueOf(file) * HUE_STEP;
	}

	spread() {
		const { tree } = this.state, t = tree.totals('live'), size = new Map(), taken = new Set(), hues = new Map();
		for (let i = 1; i < tree.n; i++) {
			const file = tree.file(i);
			size.set(file, Math.max(size.get(file) ?? 0, t[i]));
		}
		for (const [file] of [...size].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, HUES)) {
			let h = hueOf(file);
			while (taken.has(h))
				h = (h + 5) % HUES;
			taken.add(h);
			hues.set(file, h * HUE_STEP);
		}
		return hues;
	}

	at(e) {
		const box = this.canvas.getBoundingClientRect();
		const x = e.clientX - box.left, row = Math.floor((e.clientY - box.top) / ROW);
		return this.rects.find(r => r.row === row && x >= r.x && x < r.x + r.w);
	}

	pointer(e, act) {
		const r = this.at(e);
		if (r && r.node >= 0)
			act(r.node);
	}

	hover(e) {
		const r = this.at(e);
		this.tip.textContent = !r ? '' : r.node < 0 ?
			`${r.words}: ${bytes(r.rest)} together` : this.describe(r.node);
	}

	describe(node) {
		return describe(this.state, node);
	}

	/* The next big drop: down (or up) to where less than half goes on to the widest child. */
	drop(by) {
		const { tree, metric, selected } = this.state, t = tree.totals(metric);
		let at = selected;
		do {
			const to = by > 0 ? tree.children(at, metric)[0] : tree.parent[at];
			if (to === undefined || to < 0)
				break;
			at = to;
		} while ((t[tree.children(at, metric)[0]] ?? 0) > t[at] / 2);
		return at === selected ? undefined : at;
	}

	key(e) {
		const { tree, metric, selected, focus } = this.state, key = arrow(e.key);
		const up = tree.parent[selected];
		const row = up < 0 ? [selected] : tree.children(up, metric);
		const i = row.indexOf(selected);
		const to = { ArrowDown: tree.children(selected, metric)[0], ArrowUp: up >= 0 ? up : undefined,
			ArrowLeft: row[i - 1], ArrowRight: row[i + 1], Home: focus,
			'[': this.drop(-1), ']': this.drop(1) }[key];
		if (e.ctrlKey || e.metaKey || e.altKey)
			return;
		if (to !== undefined)
			this.on.select(to);
		else if (key === 'Enter')
			this.on.focus(selected);
		else if (key === 'Backspace')
			this.on.focus(Math.max(tree.parent[focus], 0));
		else if (!key.startsWith('Arrow'))
			return;
		e.preventDefault();
		say(this.describe(this.state.selected));
	}
}
