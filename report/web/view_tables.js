/* SPDX-License-Identifier: MIT */
/* The views that are one sortable table: sites and types. */
import { bytes, count, delta, rate } from './units.js';
import { section, strings } from './data.js';
import { verdictName, wholeTree } from './tree.js';
import { el } from './dom.js';
import { Rows } from './tables.js';
import { setPick, state } from './store.js';

function view(name, title, rows, note) {
	return el('section', { 'aria-labelledby': 'h-' + name }, el('div', { class: 'tools' },
		el('h2', { id: 'h-' + name }, title), el('p', { class: 'note' }, note)), rows.element);
}

function isPicked(kind, label) {
	return state.pick?.kind === kind && state.pick.label === label;
}

/* Where objects of types were made: rows of the table made, by type and by row of sites. */
async function madeTable() {
	if (!document.getElementById('pmp-made'))
		return null;
	const [t, text, types] = await Promise.all([section('made'), strings(), section('types')]);
	const byType = new Map(), bySite = new Map();
	const put = (map, key, i) => map.set(key, [...map.get(key) ?? [], i]);
	for (let i = 0; i < t.rows; i++) {
		put(byType, text(types.column('type')[t.column('type')[i]]), i);
		put(bySite, t.column('row')[i] - 1, i);
	}
	return { t, text, byType, bySite };
}

export async function makeSites() {
	const tree = await wholeTree(), s = tree.figures, a = state.estimate ? '~' : '';
	const all = Array.from(tree.rowNode, (node, i) => ({ node, i })).filter(r => tree.frame[r.node] !== 1);
	const figure = (title, name, write, share) => ({ title, figure: true, share, value: r => s.column(name)[r.i],
		text: r => write(s.column(name)[r.i]) });
	const size = v => a + bytes(v);
	const columns = [
		{ title: 'Made at', value: r => tree.label(r.node), text: r => [el('b', {}, el('bdi', {}, r.node ?
			tree.name(r.node) : '(no Python stack)')), ' ', el('span', { class: 'file' }, tree.where(r.node, false))] },
		figure('Live', 'live', size, true), figure('Live blocks', 'live_blocks', count),
		figure('Allocated', 'alloc', size), figure('Peak', 'peak', v => state.peaks ? size(v) : 'not known'), figure('Temporary', 'temp', size),
		figure('Growth', 'slope', v => a + rate(v)),
		{ title: 'Verdict', value: r => verdictName(s.column('verdict')[r.i]), text: r => {
			const v = verdictName(s.column('verdict')[r.i]);
			return el('span', { class: 'tag ' + v }, v);
		} }];
	const grew = figure('In the range', 'grew', v => a + delta(v));
	const rows = new Rows('all-sites', 'Every stack that allocated', columns, all, {
		fields: r => ({ any: tree.stackText(r.node), site: tree.stackText(r.node), file: tree.file(r.node) }),
		size: r => s.column('live')[r.i],
		pick: r => setPick({ kind: 'site', label: tree.label(r.node), name:
			`${tree.name(r.node)} ${tree.where(r.node, false)}`, at: tree.address(r.node) }),
		picked: r => isPicked('site', tree.label(r.node)) });
	const made = await madeTable();
	const keep = pick => {
		if (pick?.kind === 'site')
			return r => tree.path(r.node).some(n => tree.label(n) === pick.label);
		if (pick?.kind !== 'type' || !made)
			return null;
		const places = new Set((made.byType.get(pick.label) ?? []).map(i => made.t.column('row')[i] - 1));
		return r => places.has(r.i);
	};
	return { element: view('sites', 'Sites', rows, 'A whole Python stack each. A name filters all views.'), rows, keep,
		kinds: made ? ['site', 'type'] : ['site'], ranged: () => rows.extra(2, state.brush ? grew : null) };
}

/* ways(type): the largest paths to its objects, as items of a list. */
async function heldTable() {
	if (!document.getElementById('pmp-paths'))
		return { ways: () => [] };
	const [t, text] = await Promise.all([section('paths'), strings()]), types = Array.from(t.column('type'), text);
	return { ways: label => types.flatMap((type, i) => type === label ? [i] : []).slice(0, 5).map(i => el('li', {},
		el('b', {}, count(t.column('count')[i])), ' ', el('bdi', {}, text(t.column('path')[i])))) };
}

const LAYOUT = [['payload', 'fields and items'], ['header', 'header'], ['gc', 'GC head'], ['attributes', 'attributes'],
	['buffers', 'buffers'], ['slack', 'unused part of buffers'], ['rounding', 'rounding to size classes']];

/* What one object costs on average, and where objects of the type were made. */
function typeDetails(t, r, label, made, held) {
	const n = t.column('count')[r], per = c => Math.round(t.column(c)[r] / n), whole = per('total') || 1;
	const parts = LAYOUT.filter(([c]) => per(c));
	const layout = parts.flatMap(([c, words]) => [el('dt', {}, words), el('dd', { class:
		'bar b b' + Math.max(1, Math.min(20, Math.round(20 * per(c) / whole))) }, el('b', {}, bytes(per(c))))]);
	const places = (made?.byType.get(label) ?? []).map(i => el('li', {}, el('b', {}, bytes(made.t.column('bytes')[i])), ' ',
		el('bdi', {}, made.text(made.t.column('label')[i])), ' ', el('span', { class: 'file' },
			`${count(made.t.column('blocks')[i])} ${made.t.column('blocks')[i] === 1 ? 'block' : 'blocks'}`)));
	const ways = held.ways(label);
	return [el('div', {}, el('h3', {}, el('bdi', {}, label), `: ${bytes(per('total'))} each, ${count(n)} objects`),
		el('dl', { class: 'figures layout' }, ...layout)),
	el('div', {}, el('h3', {}, 'Made at'), places.length ? el('ul', { class: 'stack' }, ...places) : el('p', { class: 'note' },
		'Not known: made before the recording began, or by none of its sites.'),
	...ways.length ? [el('h3', {}, 'Held by'), el('ul', { class: 'stack' }, ...ways)] : [])];
}

export async function makeTypes() {
	const [t, text, facts] = await Promise.all([section('types'), strings(), section('facts')]);
	const name = r => text(t.column('type')[r]), two = facts.column('two_snapshots')[0];
	const figure = (title, column, write = bytes, share = false) => ({ title, figure: true, share,
		value: r => t.column(column)[r], text: r => write(t.column(column)[r]) });
	const list = Array.from({ length: t.rows }, (_, i) => i).filter(r => t.column('count')[r]);
	const size = v => v ? bytes(v) : el('span', { class: 'nil' }, '0 B');
	const per = { title: 'Each', figure: true, value: r => t.column('total')[r] / t.column('count')[r],
		text: r => bytes(Math.round(t.column('total')[r] / t.column('count')[r])) };
	const rows = new Rows('all-types', 'Every type with objects', [
		{ title: 'Type', value: name, text: r => el('bdi', {}, name(r)) }, figure('Total', 'total', bytes, true),
		figure('Objects', 'count', count), per, figure('Fields', 'payload', size), figure('Header', 'header', size),
		figure('GC head', 'gc', size), figure('Attributes', 'attributes', size), figure('Buffers', 'buffers', size),
		figure('Slack', 'slack', size), figure('Rounding', 'rounding', size),
		{ title: '__slots__ saves', figure: true, value: r => t.column('slots')[r], text: r => t.column('slots_most')[r] ?
			`${bytes(t.column('slots')[r])} to ${bytes(t.column('slots_most')[r])}` : '-' },
		...two ? [figure('Growth', 'growth', delta)] : []], list, {
		fields: r => ({ any: name(r), type: name(r) }), size: r => t.column('total')[r],
		pick: r => setPick({ kind: 'type', label: name(r), name: name(r) }), picked: r => isPicked('type', name(r)) });
	const held = await heldTable();
	const made = await madeTable(), tree = made && state.pick?.kind === 'site' ? await wholeTree() : null;
	const details = el('div', { class: 'details' });
	const keep = pick => {
		details.hidden = pick?.kind !== 'type';
		if (pick?.kind === 'type') {
			const r = list.find(k => name(k) === pick.label);
			if (r !== undefined)
				details.replaceChildren(...typeDetails(t, r, pick.label, made, held));
			return k => name(k) === pick.label;
		}
		const whole = tree ?? state.whole;
		if (pick?.kind !== 'site' || !made || !whole)
			return null;
		const types = new Set();
		for (const [row, at] of made.bySite)
			if (row >= 0 && whole.path(whole.rowNode[row]).some(n => whole.label(n) === pick.label))
				at.forEach(i => types.add(made.t.column('type')[i]));
		return k => types.has(k);
	};
	const element = view('types', 'Types', rows, 'Objects at the instant of the snapshot. A name filters all views.');
	element.insertBefore(details, rows.element);
	return { element, rows, keep, kinds: made ? ['type', 'site'] : ['type'] };
}
