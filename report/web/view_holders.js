/* SPDX-License-Identifier: MIT */
/*
 * Who holds what: the dominator tree as an icicle and as rows, by the same code as the flame
 * graph, the details of the chosen row, and the shortest path to each type.
 */
import { bytes, count, percent } from './units.js';
import { section, strings } from './data.js';
import { Tree } from './tree.js';
import { copy, el, say } from './dom.js';
import { Flame } from './flame.js';
import { Grid } from './grid.js';
import { Rows } from './tables.js';
import { passes } from './query.js';
import { setPick, state, watch } from './store.js';

/* A row is its own "frame"; retained is own and everything below. */
class HolderTree extends Tree {
	constructor(table, text) {
		const n = table.rows, retained = table.column('retained'), own = Float64Array.from(retained);
		const columns = { live: own, live_blocks: new Float64Array(n) };
		super({ depth: table.column('depth'), frame: Int32Array.from({ length: n }, (_, i) => i && i + 3),
			merged: new Int32Array(n), rowNode: Int32Array.from({ length: n }, (_, i) => i) },
		{ column: name => columns[name] ?? own }, null, text);
		this.table = table;
		for (let i = 1; i < n; i++)
			own[this.parent[i]] -= retained[i];
		for (let i = 0; i < n; i++)
			own[i] = Math.max(0, own[i]);
	}

	/* Blocks of the grid and of descriptions are objects here. */
	totals(metric) {
		return metric === 'live_blocks' ? this.table.column('objects') : super.totals('live');
	}

	name(node) {
		return node ? this.text(this.table.column('name')[node]) : 'everything reachable';
	}

	file(node) {
		return this.text(this.table.column('type')[node]) || this.name(node);
	}

	where(node) {
		const n = this.table.column('count')[node];
		return n > 1 ? '\u00d7 ' + count(n) : '';
	}

	/* Counts differ between runs: a label is the name alone. */
	label(node) {
		return this.name(node);
	}
}

export class HoldersView {
	constructor(tree, paths, text) {
		this.state = { tree, metric: 'live', focus: 0, selected: 0, matches: null, estimate: false, twin: false, noun: 'objects' };
		const on = { select: n => this.select(n), focus: n => this.focus(n) };
		this.flame = new Flame(this.state, on, 'holders-icicle');
		this.grid = new Grid(this.state, on, 'holders-rows', ['Holder', '#Retained', '#%', '#Own', '#Objects']);
		this.twin = el('button', { onclick: () => this.flip() }, 'Rows');
		this.details = el('div', { class: 'details' });
		this.rows = this.paths(paths, text);
		this.element = el('section', { 'aria-labelledby': 'h-holders' },
			el('div', { class: 'tools' }, el('h2', { id: 'h-holders' }, 'Who holds what'), this.twin,
				el('button', { onclick: () => this.focus(this.state.selected), title: 'Key f' }, 'Focus'),
				el('button', { onclick: () => this.focus(0), title: 'Key r' }, 'Reset'),
				el('button', { onclick: () => this.pick(), title: 'Key Space' }, 'Filter all views'),
				el('button', { onclick: () => this.copy(), title: 'Key c' }, 'Copy path'),
				el('p', { class: 'note' }, 'Width is what would be freed if this went; a click selects.')),
			this.flame.element, this.grid.element, this.details, el('h3', {}, 'Shortest paths'), this.rows.element);
		this.keep = pick => pick?.kind !== 'type' ? null : r => text(paths.column('type')[r]) === pick.label;
		this.kinds = ['type', 'holder'];
		watch(what => what === 'theme' && this.draw());
	}

	static async make() {
		const [table, paths, text] = await Promise.all([section('holders'), section('paths'), strings()]);
		return new HoldersView(new HolderTree(table, text), paths, text);
	}

	paths(t, text) {
		const type = r => text(t.column('type')[r]), path = r => text(t.column('path')[r]);
		const figure = (title, column, write, share) => ({ title, figure: true, share, value: r => t.column(column)[r],
			text: r => write(t.column(column)[r]) });
		return new Rows('all-paths', 'From a root to the objects of a type', [
			{ title: 'Type', value: type, text: r => el('bdi', {}, type(r)) },
			figure('Retained', 'retained', bytes, true), figure('Own', 'own', bytes), figure('Objects', 'count', count),
			{ title: 'Held by', value: path, text: r => el('bdi', {}, path(r)) }],
		Array.from({ length: t.rows }, (_, i) => i), {
			fields: r => ({ any: type(r) + ' ' + path(r), type: type(r), holder: path(r) }), size: r => t.column('retained')[r],
			pick: r => setPick({ kind: 'type', label: type(r), name: type(r) }),
			picked: r => state.pick?.kind === 'type' && state.pick.label === type(r) });
	}

	draw() {
		this.flame.element.hidden = this.state.twin;
		this.grid.element.hidden = !this.state.twin;
		this.twin.setAttribute('aria-pressed', String(this.state.twin));
		if (this.state.twin)
			this.grid.draw();
		else
			this.flame.draw();
		this.drawDetails();
	}

	drawDetails() {
		const { tree, selected } = this.state, whole = tree.totals('live')[0], t = tree.table;
		const line = (k, v, more) => [el('dt', {}, k), el('dd', {}, el('b', {}, v), ' ', el('span', { class: 'note' }, more))];
		this.details.replaceChildren(el('div', {}, el('h3', { id: 'holder' }, el('bdi', {}, tree.name(selected))),
			el('dl', { class: 'figures' }, ...line('retained', bytes(t.column('retained')[selected]),
				`${percent(t.column('retained')[selected], whole)} %, ${count(t.column('objects')[selected])} objects`),
			...line('own', bytes(t.column('own')[selected]), `${count(t.column('count')[selected])} alike`),
			...t.column('drop')[selected] && tree.first[selected] >= 0 ? line('here it spreads', 'yes', 'no single child keeps most of it') : [])),
		el('div', {}, el('h3', {}, 'Held by, outermost first'), el('ol', { class: 'stack' }, ...tree.path(selected)
			.map(i => el('li', {}, el('b', {}, el('bdi', {}, tree.name(i))), ' ', el('span', { class: 'file' }, tree.where(i)))))));
	}

	select(node) {
		this.state.selected = node;
		this.draw();
	}

	focus(node) {
		this.state.focus = this.state.selected = node;
		this.draw();
		say(`Focus on ${this.state.tree.name(node)}`);
	}

	flip() {
		this.state.twin = !this.state.twin;
		this.draw();
	}

	pick() {
		const { tree, selected } = this.state;
		if (selected)
			setPick({ kind: 'holder', label: tree.name(selected), name: tree.name(selected) });
	}

	copy() {
		copy(this.state.tree.path(this.state.selected).map(i => this.state.tree.name(i)).join(' > '), 'Path');
	}

	/* Rows of the tree that pass the search or the selection are marked. */
	search(query) {
		const s = this.state, pick = state.pick;
		s.matches = query.empty && !['type', 'holder'].includes(pick?.kind) ? null :
			s.tree.search((label, type) => passes(query, { any: label, type, holder: label }) &&
				(pick?.kind !== 'type' || type === pick.label) && (pick?.kind !== 'holder' || label === pick.label),
			query.least, 'live');
		this.draw();
	}

	key(k) {
		const act = { f: () => this.focus(this.state.selected), r: () => this.focus(0), t: () => this.flip(),
			' ': () => this.pick(), c: () => this.copy(),
			u: () => this.focus(Math.max(this.state.tree.parent[this.state.focus], 0)) }[k];
		act?.();
		return Boolean(act);
	}
}
