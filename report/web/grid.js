/* SPDX-License-Identifier: MIT */
/* The same tree as rows: a treegrid for readers of screens, keyboards and exact figures. */
import { bytes, count, percent } from './units.js';
import { arrow, el } from './dom.js';

const CHILDREN = 40; /* rows under one parent before "more" */
const ROWS = 240;    /* rows in all */

export class Grid {
	constructor(state, on, id = 'twin', titles = ['Function', '#Total', '#%', '#Self', '#Blocks']) {
		this.state = state;
		this.on = on;
		this.open = new Set([0]);
		this.wider = new Map();
		this.body = el('tbody');
		this.element = el('div', { class: 'wide' }, el('table', { role: 'treegrid', class: 'twin', id, 'aria-rowcount': -1,
			'aria-label': 'The same as rows' },
			el('thead', {}, el('tr', { role: 'row' }, ...titles
				.map(t => el('th', { scope: 'col', class: t[0] === '#' ? 'n' : null },
					t.replace(/^#/, ''))))), this.body));
		this.body.addEventListener('keydown', e => this.key(e));
	}

	/* Open rows, at most so many, the chosen one and its ancestors always. */
	rows() {
		const { tree, metric, focus, selected } = this.state, out = [], wanted = new Set([selected]);
		for (let i = selected; i >= 0; i = tree.parent[i])
			wanted.add(i);
		const walk = (node, level, pos, size) => {
			if (out.length >= ROWS && !wanted.has(node))
				return;
			out.push({ node, level, pos, size });
			if (!this.open.has(node))
				return;
			const list = tree.children(node, metric), most = this.wider.get(node) ?? CHILDREN;
			list.slice(0, most).forEach((c, i) => walk(c, level + 1, i + 1, list.length));
			if (list.length <= most)
				return;
			const far = list.findIndex((c, i) => i >= most && wanted.has(c));
			out.push({ more: node, level: level + 1, left: list.length - most - (far < 0 ? 0 : 1) });
			if (far >= 0)
				walk(list[far], level + 1, far + 1, list.length);
		};
		walk(focus, 1, 1, 1);
		return out;
	}

	draw() {
		const { tree, metric, selected, estimate } = this.state, t = tree.totals(metric);
		const timed = this.state.brush && metric === 'live' || metric === 'grew';
		const blocks = timed ? null : tree.totals(metric + '_blocks');
		const a = estimate ? '~' : '', had = this.body.contains(document.activeElement);
		for (let i = selected; i >= 0; i = tree.parent[i])
			if (i !== selected)
				this.open.add(i);
		const rows = this.rows();
		const current = rows.some(r => r.node === selected) ? selected : rows[0].node;
		this.body.replaceChildren(...rows.map((r, i) => {
			if (r.more !== undefined)
				return el('tr', { role: 'row', 'aria-level': r.level }, el('td', { colspan: 5 },
					el('button', { onclick: () => this.widen(r.more) }, `${count(r.left)} more`)));
			const leaf = tree.children(r.node, metric).length === 0;
			return el('tr', { role: 'row', 'data-node': r.node, 'aria-level': r.level,
				'aria-posinset': r.pos, 'aria-setsize': r.size, 'aria-rowindex': i + 2,
				'aria-expanded': leaf ? null : String(this.open.has(r.node)),
				'aria-selected': String(r.node === selected),
				tabindex: r.node === current ? 0 : -1,
				onclick: () => this.toggle(r.node) },
			el('td', { class: 'name tree l' + Math.min(r.level, 24) },
				el('b', {}, el('bdi', {}, tree.name(r.node))), ' ',
				el('span', { class: 'file' }, tree.where(r.node, false))),
			el('td', { class: 'n', 'data-v': t[r.node] }, a + bytes(t[r.node])),
			el('td', { class: 'n' }, percent(t[r.node], t[0])),
			el('td', { class: 'n' }, a + bytes(tree.self(r.node, metric))),
			el('td', { class: 'n' }, blocks ? count(blocks[r.node]) : '-'));
		}));
		this.element.firstChild.dataset.at = this.state.selected ? tree.address(this.state.selected) : '';
		if (had)
			this.body.querySelector('tr[tabindex="0"]')?.focus();
	}

	widen(node) {
		this.wider.set(node, (this.wider.get(node) ?? CHILDREN) * 4);
		this.draw();
	}

	toggle(node) {
		if (!this.open.delete(node))
			this.open.add(node);
		this.on.select(node);
	}

	/* All of these at once. */
	expand(nodes) {
		nodes.forEach(n => this.open.add(n));
		this.draw();
	}

	key(e) {
		const row = e.target.closest('tr[data-node]');
		if (!row || e.ctrlKey || e.metaKey || e.altKey)
			return;
		const key = arrow(e.key), { tree, metric } = this.state, node = Number(row.dataset.node);
		const all = [...this.body.querySelectorAll('tr[data-node]')], i = all.indexOf(row);
		const go = r => r && this.on.select(Number(r.dataset.node));
		if (key === 'ArrowDown')
			go(all[i + 1]);
		else if (key === 'ArrowUp')
			go(all[i - 1]);
		else if (key === 'Home')
			go(all[0]);
		else if (key === 'End')
			go(all[all.length - 1]);
		else if (key === 'ArrowRight' && !this.open.has(node))
			this.toggle(node);
		else if (key === 'ArrowRight')
			this.on.select(tree.children(node, metric)[0] ?? node);
		else if (key === 'ArrowLeft' && this.open.has(node) && node !== this.state.focus)
			this.toggle(node);
		else if (key === 'ArrowLeft')
			this.on.select(Math.max(tree.parent[node], 0));
		else if (key === '*')
			this.expand(tree.parent[node] < 0 ? [node] : tree.children(tree.parent[node], metric));
		else if (key === 'Enter')
			this.on.focus(node);
		else
			return;
		e.preventDefault();
	}
}
