/* SPDX-License-Identifier: MIT */
/*
 * Views over the static page: which section is seen, one selection, one search, the address.
 * Everything that fails ends as a banner above the static page, which stays.
 */
import { bytes, count, delta, percent, rate } from './units.js';
import { section, strings } from './data.js';
import { METRICS, loadTree, verdictName } from './tree.js';
import { copy, el, say } from './dom.js';
import { Flame } from './flame.js';
import { Grid } from './grid.js';
import { Rows, parseQuery } from './tables.js';
import { TimeChart, timeTable } from './time.js';

const NAMES = { summary: 'Summary', leaks: 'Leaks', flame: 'Flame', sites: 'Sites', types: 'Types',
	memory: 'Memory', time: 'Time', about: 'About' };
const KEYS = [['1 to 8', 'views'], ['/', 'search'], ['n N', 'next, previous match'],
	['arrows', 'move in the flame graph or the rows'], ['Enter or f', 'focus: make it the whole width'],
	['Backspace or u', 'one step back out'], ['r', 'reset focus and search'], ['t', 'rows instead of the graph'],
	['c', 'copy the stack'], ['y', 'copy the link'], ['d', 'light or dark'], ['Esc', 'close, leave the search'],
	['?', 'this list']];

const main = document.querySelector('main');
const state = { view: 'summary', metric: 'live', focus: 0, selected: 0, matches: null, twin: false,
	query: '', estimate: false, tree: null };
const made = new Map();
let available = [];

function banner(text) {
	if (![...document.querySelectorAll('.banner p')].some(p => p.textContent === text))
		document.getElementById('banners').append(el('div', { class: 'banner', role: 'alert' },
			el('p', {}, text)));
}

function fail(e) {
	banner(e.section ? `Section ${e.message}. What does not need it is shown.` :
		`This part of the page cannot be shown: ${e.message}`);
}

/* Address: #view?m=metric&at=path&from=path&q=text */
function address() {
	const p = new URLSearchParams();
	if (state.view === 'flame' && state.tree) {
		if (state.metric !== 'live')
			p.set('m', state.metric);
		if (state.selected)
			p.set('at', state.tree.address(state.selected));
		if (state.focus)
			p.set('from', state.tree.address(state.focus));
		if (state.twin)
			p.set('as', 'rows');
	}
	if (state.query)
		p.set('q', state.query);
	const tail = p.toString();
	return '#' + state.view + (tail ? '?' + tail : '');
}

function remember(push) {
	const a = address();
	if (a !== location.hash)
		history[push ? 'pushState' : 'replaceState'](null, '', a);
}

/* Selection, focus and form of the flame view out of an address. */
function seek(tree, p) {
	const at = tree.find(p.get('at')), from = tree.find(p.get('from'));
	state.metric = METRICS.some(([m]) => m === p.get('m')) ? p.get('m') : 'live';
	state.selected = at.node;
	state.focus = from.node;
	state.twin = p.get('as') === 'rows';
	if (!at.exact || !from.exact)
		banner('The stack of this link is not in this file; its nearest caller is selected.');
}

async function follow() {
	const [view, tail] = (location.hash.slice(1) || 'summary').split('?');
	const p = new URLSearchParams(tail || '');
	if (document.getElementById(view) && !NAMES[view])
		return;
	state.query = p.get('q') || '';
	document.getElementById('search').value = state.query;
	if (NAMES[view] && !available.includes(view))
		banner(`The ${NAMES[view]} view is not in this file: it needs ` +
			(view === 'types' ? 'a snapshot.' : 'a recording.'));
	state.view = available.includes(view) ? view : 'summary';
	if (state.view === 'flame') {
		try {
			seek(state.tree ??= await loadTree(), p);
		} catch (e) {
			fail(e);
			state.view = 'summary';
		}
	}
	await show();
}

function go(view) {
	if (!available.includes(view))
		return;
	state.view = view;
	remember(true);
	show().catch(fail);
	main.focus({ preventScroll: true });
	scrollTo(0, 0);
}

async function show() {
	for (const e of document.querySelectorAll('[data-view]'))
		e.classList.toggle('off', !e.dataset.view.split(' ').includes(state.view));
	for (const a of document.querySelectorAll('nav a')) {
		if (a.dataset.to === state.view)
			a.setAttribute('aria-current', 'page');
		else
			a.removeAttribute('aria-current');
	}
	document.getElementById('view-name').textContent = NAMES[state.view];
	const maker = { flame: makeFlame, sites: makeSites, types: makeTypes, memory: makeArenas,
		time: makeTime }[state.view];
	if (maker && !made.has(state.view)) {
		const p = maker();
		made.set(state.view, p);
		p.catch(fail);
	}
	await made.get(state.view);
	await search();
	if (state.view === 'flame')
		redraw();
}

function place(element, view, before) {
	element.dataset.view = view;
	main.insertBefore(element, before ?? document.getElementById('view-name').nextSibling);
	element.classList.toggle('off', state.view !== view);
}

let flame, grid, crumb, metricBox, twinButton;

function redraw() {
	if (!grid)
		return;
	flame.element.hidden = state.twin;
	grid.element.hidden = !state.twin;
	twinButton.setAttribute('aria-pressed', String(state.twin));
	metricBox.value = state.metric;
	if (state.twin)
		grid.draw();
	else
		flame.draw();
	const { tree, selected } = state;
	crumb.replaceChildren(el('p', { id: 'selected' }, flame.describe(selected)), el('ol',
		{ class: 'stack', 'aria-label': 'Stack, innermost first' }, ...tree.path(selected).reverse()
			.slice(0, 40).map(i => el('li', {}, el('b', {}, el('bdi', {}, tree.name(i))), ' ',
				el('span', { class: 'file' }, tree.where(i, true))))));
	remember(false);
}

function select(node) {
	state.selected = node;
	redraw();
}

function focusOn(node) {
	state.focus = state.selected = node;
	redraw();
	say(`Focus on ${state.tree.name(node)}`);
}

async function makeFlame() {
	state.tree ??= await loadTree();
	const on = { select, focus: focusOn };
	flame = new Flame(state, on);
	grid = new Grid(state, on);
	crumb = el('div', { class: 'crumb' });
	metricBox = el('select', { id: 'metric', onchange: e => { state.metric = e.target.value; search().then(redraw); } },
		...METRICS.map(([m, t]) => el('option', { value: m }, t)));
	twinButton = el('button', { id: 'twin-button', onclick: () => { state.twin = !state.twin; redraw(); } }, 'Rows');
	place(el('section', { 'aria-labelledby': 'h-flame' }, el('h2', { id: 'h-flame' }, 'Flame graph'),
		el('p', { class: 'tools' }, el('label', { for: 'metric' }, 'Width is '), metricBox, ' ', twinButton, ' ',
			el('button', { onclick: () => focusOn(state.selected) }, 'Focus'), ' ',
			el('button', { onclick: reset }, 'Reset'), ' ',
			el('button', { onclick: () => copy(state.tree.stackText(state.selected), 'Stack') }, 'Copy stack'), ' ',
			el('button', { onclick: () => copy(location.href, 'Link') }, 'Copy link')),
		el('p', { id: 'flame-help', class: 'note' },
			'Callers above, callees below, largest left. Click selects, double click or Enter focuses.'),
		flame.element, grid.element, crumb), 'flame');
}

function reset() {
	state.focus = state.selected = 0;
	state.query = document.getElementById('search').value = '';
	search().then(redraw);
}

const sorters = {};

async function makeSites() {
	const tree = state.tree ??= await loadTree(), s = tree.sites, a = state.estimate ? '~' : '';
	const rows = Array.from(tree.placeOf, (node, i) => ({ node, i })).filter(r => tree.frame[r.node] !== 1);
	const figure = (title, name, write) => ({ title, figure: true, value: r => s.column(name)[r.i],
		text: r => write(s.column(name)[r.i]) });
	const size = v => a + bytes(v);
	sorters.sites = new Rows('all-sites', 'Every stack that allocated', [
		{ title: 'Made at', value: r => tree.label(r.node), text: r => [el('b', {}, r.node ? tree.name(r.node) : '(no Python stack)'), ' ',
			el('span', { class: 'file' }, tree.where(r.node, false))] },
		figure('Live', 'live', size), figure('Live blocks', 'live_blocks', count),
		figure('Allocated', 'alloc', size), figure('Peak', 'peak', size), figure('Temporary', 'temp', size),
		figure('Growth', 'slope', v => a + rate(v)),
		{ title: 'Verdict', value: r => verdictName(s.column('verdict')[r.i]),
			text: r => verdictName(s.column('verdict')[r.i]) }], rows, {
		label: r => tree.stackText(r.node), size: r => s.column('live')[r.i],
		pick: r => '#flame?at=' + tree.address(r.node) });
	place(el('section', { 'aria-labelledby': 'h-sites' }, el('h2', { id: 'h-sites' }, 'Sites'),
		sorters.sites.element), 'sites');
}

async function makeTypes() {
	const [t, text, facts] = await Promise.all([section('types'), strings(), section('facts')]);
	const name = r => text(t.column('type')[r]), two = facts.column('two_snapshots')[0];
	const figure = (title, column, write = bytes) => ({ title, figure: true, value: r => t.column(column)[r],
		text: r => write(t.column(column)[r]) });
	const rows = Array.from({ length: t.rows }, (_, i) => i).filter(r => t.column('count')[r]);
	sorters.types = new Rows('all-types', 'Every type with objects', [
		{ title: 'Type', value: name, text: r => el('bdi', {}, name(r)) }, figure('Total', 'total'),
		figure('Objects', 'count', count), figure('Fields', 'payload'), figure('Header', 'header'),
		figure('GC head', 'gc'), figure('Attributes', 'attributes'), figure('Buffers', 'buffers'),
		figure('Slack', 'slack'), figure('Rounding', 'rounding'),
		figure('__slots__ saves', 'slots', v => v ? '~' + bytes(v) : '-'),
		...two ? [figure('Growth', 'growth', delta)] : []], rows,
	{ label: name, size: r => t.column('total')[r] });
	place(el('section', { 'aria-labelledby': 'h-types' }, el('h2', { id: 'h-types' }, 'Types'),
		sorters.types.element), 'types');
}

/* One row per arena, one cell per pool, darker is fuller. */
async function makeArenas() {
	const facts = await section('facts');
	if (!facts.column('snapshot')[0]) {
		place(el('section', {}, el('h2', {}, 'Ledger and arenas'), el('p', {},
			'Not in this file: they need a snapshot.')), 'memory', document.getElementById('s-cost'));
		return;
	}
	const [t, text] = await Promise.all([section('arenas'), strings()]);
	const all = facts.column('arenas')[0], size = facts.column('arena_bytes')[0] || 1;
	const shown = Math.min(t.rows, 60);
	const rows = Array.from({ length: shown }, (_, i) => {
		const map = t.column('map')[i], canvas = el('canvas', { width: Math.max(map.length, 1) * 5, height: 14,
			'aria-hidden': 'true', class: 'arena' });
		return { canvas, map, row: el('tr', {}, el('th', { scope: 'row' }, t.column('addr')[i].toString(16)),
			el('td', {}, canvas), el('td', { class: 'n', 'data-v': t.column('live')[i] },
				percent(t.column('live')[i], size) + ' %'),
			el('td', { class: 'n' }, count(t.column('pools')[i])),
			el('td', { class: 'name' }, el('bdi', {}, text(t.column('pinned')[i])))) };
	});
	place(el('section', { 'aria-labelledby': 'h-arenas' }, el('h2', { id: 'h-arenas' }, 'Arenas'),
		el('p', { class: 'note' }, `${shown} of ${count(all)}, emptiest first. One cell is one pool: ` +
			'empty is pale, full is dark.'),
		el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Occupancy of arenas' }, el('table', { id: 'arenas' },
			el('caption', {}, 'Occupancy and what pins it'),
			el('thead', {}, el('tr', {}, ...['Arena', 'Pools', 'Live', 'Number', 'Pinned most by'].map((h, i) =>
				el('th', { scope: 'col', class: i === 2 || i === 3 ? 'n' : null }, h)))),
			el('tbody', {}, ...rows.map(r => r.row))))), 'memory', document.getElementById('s-gc'));
	const style = getComputedStyle(main), ink = style.getPropertyValue('--live').trim();
	for (const { canvas, map } of rows) {
		const g = canvas.getContext('2d');
		g.fillStyle = ink;
		map.forEach((v, i) => {
			g.globalAlpha = 0.08 + 0.92 * v / 255;
			g.fillRect(i * 5, 0, 4, 14);
		});
	}
}

async function makeTime() {
	const chart = new TimeChart(await section('timeline'), state.estimate);
	place(el('section', { 'aria-labelledby': 'h-time' }, el('h2', { id: 'h-time' }, 'Time'), chart.element,
		timeTable(chart)), 'time');
}

async function search() {
	const q = parseQuery(state.query), status = document.getElementById('hits');
	state.matches = null;
	status.textContent = '';
	const rows = sorters[state.view];
	if (rows)
		rows.filter(q);
	if (rows && state.query)
		status.textContent = rows.note.textContent;
	if (state.view !== 'flame' || !state.tree || !q.words.length)
		return;
	const m = state.matches = state.tree.search(q.words, state.metric), t = state.tree.totals(state.metric);
	status.textContent = `${count(m.hits.length)} hits, ${state.estimate ? '~' : ''}${bytes(m.sum)} ` +
		`(${percent(m.sum, t[0])} %), each byte once`;
}

function step(by) {
	const hits = state.matches?.hits;
	if (!hits?.length)
		return;
	const i = hits.indexOf(state.selected);
	state.selected = hits[(i + by + hits.length + (i < 0 && by < 0 ? 1 : 0)) % hits.length];
	if (!state.tree.path(state.selected).includes(state.focus))
		state.focus = 0;
	redraw();
	say(flame.describe(state.selected));
}

function theme() {
	const dark = document.documentElement.dataset.theme ?
		document.documentElement.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
	document.documentElement.dataset.theme = dark ? 'light' : 'dark';
	redraw();
}

function help() {
	const d = document.getElementById('keys');
	if (!d.open)
		d.showModal();
}

function key(e) {
	const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);
	if (e.key === 'Escape' && e.target.id === 'search') {
		e.target.blur();
		return;
	}
	if (typing || e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]'))
		return;
	const act = { '/': () => document.getElementById('search').focus(), '?': help, d: theme, n: () => step(1),
		N: () => step(-1), y: () => copy(location.href, 'Link') }[e.key];
	const here = state.view === 'flame' && grid ? { t: () => twinButton.click(), r: reset,
		f: () => focusOn(state.selected), c: () => copy(state.tree.stackText(state.selected), 'Stack') }[e.key] : null;
	if (e.defaultPrevented)
		return;
	if (act || here) {
		e.preventDefault();
		(act || here)();
	} else if (e.key >= '1' && e.key <= '8') {
		go(available[Number(e.key) - 1]);
	}
}

function chrome() {
	const input = el('input', { id: 'search', type: 'search', placeholder: 'name >1M', autocomplete: 'off',
		spellcheck: 'false' });
	let wait;
	input.addEventListener('input', () => {
		clearTimeout(wait);
		wait = setTimeout(() => {
			state.query = input.value;
			if (!['flame', 'sites', 'types'].includes(state.view))
				go(available.includes('sites') ? 'sites' : 'types');
			else
				search().then(redraw).then(() => remember(false)).catch(fail);
		}, 120);
	});
	const nav = el('nav', { 'aria-label': 'Views' }, ...available.map((v, i) => el('a', { href: '#' + v, 'data-to': v,
		'aria-keyshortcuts': i + 1, onclick: e => { e.preventDefault(); go(v); } }, NAMES[v])));
	document.getElementById('top').append(el('div', { class: 'bar' }, nav, el('div', { class: 'find', role: 'search' },
		el('label', { for: 'search' }, 'Search '), input, ' ', el('output', { id: 'hits', for: 'search' })),
	el('div', {}, el('button', { onclick: theme }, 'Light / dark'), ' ',
		el('button', { onclick: help, 'aria-keyshortcuts': '?' }, 'Keys'))));
	const dialog = el('dialog', { id: 'keys', 'aria-labelledby': 'h-keys' }, el('h2', { id: 'h-keys' }, 'Keys'),
		el('dl', {}, ...KEYS.flatMap(([k, what]) => [el('dt', {}, k), el('dd', {}, what)])),
		el('button', { onclick: () => dialog.close() }, 'Close'));
	document.body.append(dialog, el('div', { id: 'live', class: 'sr', role: 'status', 'aria-live': 'polite' }));
	main.before(el('div', { id: 'banners' }));
	main.prepend(el('h1', { id: 'view-name', class: 'sr', 'data-view': 'flame sites types memory time about' }));
	main.tabIndex = -1;
	document.addEventListener('keydown', key);
	addEventListener('popstate', () => follow().catch(fail));
	addEventListener('hashchange', () => follow().catch(fail));
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}

/* The exact figure, where the pointer or the focus asks. */
function exact(e) {
	const cell = e.target.closest?.('td[data-v]');
	if (cell && !cell.title)
		cell.title = count(Number(cell.dataset.v));
}

async function start() {
	let facts = null, why = null;
	try {
		facts = await section('facts');
	} catch (e) {
		why = e;
	}
	const recorded = facts ? facts.column('recorded')[0] : 1, snapshot = facts ? facts.column('snapshot')[0] : 0;
	state.estimate = Boolean(facts?.column('estimate')[0]);
	available = Object.keys(NAMES).filter(v => v === 'types' ? snapshot :
		!['leaks', 'flame', 'sites', 'time'].includes(v) || recorded);
	chrome();
	if (why)
		fail(why);
	if (!document.querySelector('body > script:last-of-type#pmp-strings'))
		banner('This file is cut short or has been changed: some sections are missing.');
	main.addEventListener('mouseover', exact);
	await follow();
}

start().catch(fail);
