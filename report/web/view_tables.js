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
		figure('Allocated', 'alloc', size), figure('Peak', 'peak', size), figure('Temporary', 'temp', size),
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
	const keep = pick => pick?.kind !== 'site' ? null : r =>
		tree.path(r.node).some(n => tree.label(n) === pick.label);
	return { element: view('sites', 'Sites', rows, 'A whole Python stack each. A name filters all views.'), rows, keep,
		kinds: ['site'], ranged: () => rows.extra(2, state.brush ? grew : null) };
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
		figure('__slots__ saves', 'slots', v => v ? '~' + bytes(v) : '-'),
		...two ? [figure('Growth', 'growth', delta)] : []], list, {
		fields: r => ({ any: name(r), type: name(r) }), size: r => t.column('total')[r],
		pick: r => setPick({ kind: 'type', label: name(r), name: name(r) }), picked: r => isPicked('type', name(r)) });
	const keep = pick => pick?.kind !== 'type' ? null : r => name(r) === pick.label;
	return { element: view('types', 'Types', rows, 'Objects at the instant of the snapshot. A name filters all views.'),
		rows, keep, kinds: ['type'] };
}
