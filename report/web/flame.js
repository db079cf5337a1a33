/* SPDX-License-Identifier: MIT */
/*
 * The icicle: root on top, largest left, drawn on a canvas. Only what is at least a pixel wide
 * is visited, so the size of the tree does not matter; narrower siblings become one grey rest.
 */
import { bytes, percent } from './units.js';
import { el, say } from './dom.js';

const ROW = 22;
const ROWS_MAX = 300;
const NARROW = 1.5;
const NO_STACK = '(no Python stack)';

export class Flame {
	/* state: { tree, metric, focus, selected, matches, estimate }; on: { select, focus } */
	constructor(state, on) {
		this.state = state;
		this.on = on;
		this.rects = [];
		this.canvas = el('canvas', { tabindex: 0, role: 'application', id: 'icicle',
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
		return { fill: [0, 1, 2, 3, 4, 5].map(i => v('--f' + i)), text: v('--flame-text'),
			rest: v('--rest'), page: v('--page'), mark: v('--mark'), line: v('--ink') };
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
		g.fillStyle = r.node < 0 ? c.rest : hit ? c.mark : c.fill[this.shade(r.node)];
		g.globalAlpha = r.above ? 0.55 : 1;
		g.fillRect(r.x, y, Math.max(r.w - 1, 0.5), ROW - 1);
		g.globalAlpha = 1;
		if (r.node === selected) {
			g.strokeStyle = c.line;
			g.lineWidth = 2.5;
			g.strokeRect(r.x + 1.2, y + 1.2, Math.max(r.w - 3.4, 1), ROW - 3.4);
		}
		if (r.w < 34)
			return;
		g.fillStyle = c.text;
		const text = r.node < 0 ? r.words : tree.name(r.node);
		const where = r.node < 0 ? '' : tree.where(r.node, false);
		this.write(g, text, where, r.x + 5, y + ROW / 2, r.w - 9);
	}

	/* As many characters as fit: the name first, the place when there is room. */
	write(g, text, where, x, y, room) {
		const each = this.each ??= g.measureText('abcdefghij').width / 10;
		const both = where ? text + '  ' + where : text;
		let s = both.length * each <= room ? both : text;
		const fits = Math.floor(room / each);
		if (s.length > fits)
			s = fits > 3 ? s.slice(0, fits - 1) + '\u2026' : '';
		if (s)
			g.fillText(s, x, y, room);
	}

	/* A colour per file, the same in every report. */
	shade(node) {
		const cache = this.shades ??= new Map(), f = this.state.tree.frame[node];
		let s = cache.get(f);
		if (s === undefined) {
			const file = this.state.tree.file(node);
			s = 0;
			for (let i = 0; i < file.length; i++)
				s = s * 31 + file.charCodeAt(i) >>> 0;
			cache.set(f, s %= 6);
		}
		return s;
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
		const { tree, metric, estimate } = this.state, t = tree.totals(metric), a = estimate ? '~' : '';
		const self = tree.self(node, metric), blocks = tree.totals(metric + '_blocks')[node];
		return `${tree.label(node)}: ${a}${bytes(t[node])} (${percent(t[node], t[0])} %), ` +
			`self ${a}${bytes(self)}, ${blocks.toLocaleString('en')} blocks`;
	}

	key(e) {
		const { tree, metric, selected, focus } = this.state;
		const up = tree.parent[selected];
		const row = up < 0 ? [selected] : tree.children(up, metric);
		const i = row.indexOf(selected);
		const to = { ArrowDown: tree.children(selected, metric)[0], ArrowUp: up >= 0 ? up : undefined,
			ArrowLeft: row[i - 1], ArrowRight: row[i + 1], Home: focus }[e.key];
		if (e.ctrlKey || e.metaKey || e.altKey)
			return;
		if (to !== undefined)
			this.on.select(to);
		else if (e.key === 'Enter' || e.key === 'f')
			this.on.focus(selected);
		else if (e.key === 'Backspace' || e.key === 'u')
			this.on.focus(Math.max(tree.parent[focus], 0));
		else if (!e.key.startsWith('Arrow'))
			return;
		e.preventDefault();
		say(this.describe(this.state.selected));
	}
}
