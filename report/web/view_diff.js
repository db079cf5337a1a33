/* SPDX-License-Identifier: MIT */
/*
 * What changed: a table by type, site or holder, and the stacks of both files as one icicle. A
 * frame is as wide as the larger of before and after; the part that came is hatched and marked
 * +, the part that went is dotted and marked -.
 */
import { bytes, count, delta } from './units.js';
import { section, strings } from './data.js';
import { Builder } from './shape.js';
import { Tree } from './tree.js';
import { el, say } from './dom.js';
import { Flame } from './flame.js';
import { Grid } from './grid.js';
import { Rows } from './tables.js';
import { setPick, state, watch } from './store.js';

const STATES = ['same', 'new', 'grown', 'shrunk', 'gone', 'untold'];
const UNTOLD = STATES.indexOf('untold');
const BYS = ['type', 'site', 'holder'];

/* Frames are "function file"; numbers below 3 mean something to Tree. */
class DiffTree extends Tree {
	constructor(table) {
		const words = new TextDecoder(), labels = [], number = new Map(), b = new Builder();
		const rowNode = table.column('stack').map(line => words.decode(line).split('\x1f').reduce((at, label) => {
			if (!number.has(label))
				number.set(label, labels.push(label) + 2);
			return b.step(at, number.get(label), 0);
		}, 0));
		const before = table.column('before'), after = table.column('after');
		const columns = { before, after, live: before.map((v, i) => Math.max(v, after[i])),
			live_blocks: new Float64Array(table.rows) };
		super(b.finish(Int32Array.from(rowNode)), { column: name => columns[name] }, null, null);
		this.labels = labels;
	}

	label(node) {
		return node ? this.labels[this.frame[node] - 3] || '(no Python stack)' : 'all';
	}

	name(node) {
		const label = this.label(node), d = this.change(node);
		return (d > 0 ? '+ ' : d < 0 ? '\u2212 ' : '') + label.replace(/ [^ ]*$/, '');
	}

	where(node) {
		const d = this.change(node);
		return (node ? this.label(node).replace(/^.* /, '') + ' ' : '') + (d ? delta(d) : '');
	}

	file(node) {
		return this.label(node).replace(/^.* /, '');
	}

	change(node) {
		return this.totals('after')[node] - this.totals('before')[node];
	}
}

function rowsOf(by, t, text) {
	const name = r => text(t.column('name')[r]), diff = r => t.column('after')[r] - t.column('before')[r];
	/* A snapshot that does not tell a row says what it may have at most. */
	const most = (r, column) => (t.column('untold')[r] & { before: 1, after: 2 }[column] ? 'at most ' : '');
	const figure = (title, column) => ({ title, figure: true, value: r => t.column(column)[r], text: r => most(r, column) + bytes(t.column(column)[r]) });
	const plus = v => (v > 0 ? '+' : v < 0 ? '-' : '') + count(Math.abs(v));
	const kept = t.column('kept').some(Boolean) ? [figure('Kept', 'kept')] : [];
	return new Rows('diff-' + by, 'By ' + by, [
		{ title: 'What', value: name, text: r => el('bdi', {}, name(r)) },
		{ title: 'Change', figure: true, share: true, value: diff, text: r => delta(diff(r)) },
		figure('Before', 'before'), figure('After', 'after'), ...kept,
		{ title: 'Objects', figure: true, value: r => t.column('objects')[r], text: r => plus(t.column('objects')[r]) },
		{ title: 'State', value: r => STATES[t.column('state')[r]], text: r => {
			const s = STATES[t.column('state')[r]] ?? 'same';
			return el('span', { class: 'tag ' + s }, s);
		} }], Array.from({ length: t.rows }, (_, i) => i).filter(r => t.column('state')[r] !== UNTOLD), {
		fields: r => ({ any: name(r), [by]: name(r) }), size: r => Math.abs(diff(r)),
		...by === 'type' ? { pick: r => setPick({ kind: 'type', label: name(r), name: name(r) }),
			picked: r => state.pick?.kind === 'type' && state.pick.label === name(r) } : {} });
}

export class DiffView {
	constructor(tables, text) {
		this.tables = Object.fromEntries(BYS.map((by, i) => [by, rowsOf(by, tables[i], text)]));
		this.by = BYS.find((by, i) => tables[i].rows) ?? 'type';
		this.kinds = ['type'];
		this.keep = pick => pick?.kind !== 'type' || this.by !== 'type' ? null : r => text(tables[0].column('name')[r]) === pick.label;
		const choice = el('select', { id: 'diff-by', onchange: e => { this.by = e.target.value; this.draw(); } },
			...BYS.filter((by, i) => tables[i].rows).map(by => el('option', { value: by }, by)));
		this.element = el('section', { 'aria-labelledby': 'h-diff' }, el('div', { class: 'tools' },
			el('h2', { id: 'h-diff' }, 'Changes'), el('label', { for: 'diff-by' }, 'By '), choice));
		if (tables[1].rows)
			this.addFlame(tables[1]);
		this.table = el('div');
		this.element.append(this.table);
		this.draw();
		watch(what => what === 'theme' && this.draw());
	}

	static async make() {
		const [text, ...tables] = await Promise.all([strings(), ...BYS.map(by => section('diff-' + by))]);
		return new DiffView(tables, text);
	}

	get rows() {
		return this.tables[this.by];
	}

	addFlame(table) {
		this.state = { tree: new DiffTree(table), metric: 'live', focus: 0, selected: 0, matches: null, estimate: false,
			twin: false, noun: 'blocks' };
		const show = () => this.draw();
		const on = { select: n => { this.state.selected = n; show(); }, focus: n => {
			this.state.focus = this.state.selected = n;
			show();
			say(`Focus on ${this.state.tree.label(n)}`);
		} };
		this.flame = new Flame(this.state, on, 'diff-icicle');
		this.grid = new Grid(this.state, on, 'diff-rows', ['Frame', '#Larger of both', '#%', '#Made here', '#Blocks']);
		this.twin = el('button', { onclick: () => { this.state.twin = !this.state.twin; show(); } }, 'Rows');
		this.words = el('p', { class: 'note' });
		this.element.querySelector('.tools').append(this.twin,
			el('button', { onclick: () => on.focus(this.state.selected), title: 'Key f' }, 'Focus'),
			el('button', { onclick: () => on.focus(0), title: 'Key r' }, 'Reset'));
		this.element.append(this.flame.element, this.grid.element, this.words);
		this.key = k => {
			const act = { f: () => on.focus(this.state.selected), r: () => on.focus(0), t: () => this.twin.click() }[k];
			act?.();
			return Boolean(act);
		};
	}

	draw() {
		this.table.replaceChildren(this.rows.element);
		if (!this.flame)
			return;
		const { tree, selected, twin } = this.state;
		this.flame.element.hidden = twin;
		this.grid.element.hidden = !twin;
		this.twin.setAttribute('aria-pressed', String(twin));
		if (twin)
			this.grid.draw();
		else
			this.flame.draw();
		this.words.textContent = `${tree.label(selected)}: before ${bytes(tree.totals('before')[selected])}, after ` +
			`${bytes(tree.totals('after')[selected])}, ${delta(tree.change(selected))}`;
	}
}
