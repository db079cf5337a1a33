/* SPDX-License-Identifier: MIT */
/*
 * Views over the static page: which section is seen, and how views, address, search, selection
 * and range follow one another. What fails ends as a banner above the static page, which stays.
 */
import { bytes, count, percent } from './units.js';
import { section } from './data.js';
import { wholeTree } from './tree.js';
import { copy, say } from './dom.js';
import { parseQuery, passes } from './query.js';
import { setBrush, setPick, state, watch } from './store.js';
import { describe } from './flame.js';
import { Strip } from './strip.js';
import { FlameView } from './view_flame.js';
import { makeSites, makeTypes } from './view_tables.js';
import { DiffView } from './view_diff.js';
import { HoldersView } from './view_holders.js';
import { makeArenas } from './view_memory.js';
import { makeTime } from './view_time.js';
import { makeLeaks } from './view_leaks.js';
import { address, seek, shared } from './route.js';
import { DIGITS, LACKS, NAMES, banner, chrome, help, onKey, theme } from './chrome.js';

const main = document.querySelector('main');
const made = new Map();
const views = {}; /* what the makers returned */
let available = [];

function fail(e) {
	banner(e.section ? `Section ${e.message}. What does not need it is shown.` :
		`This part of the page cannot be shown: ${e.message}`);
}

function remember(push) {
	const a = address();
	if (a !== location.hash)
		history[push ? 'pushState' : 'replaceState'](null, '', a);
}

function lacking(view) {
	return `The ${NAMES[view]} view is not in this file: it needs ${LACKS[view]}.`;
}

async function follow() {
	const [view, tail] = (location.hash.slice(1) || (available.includes('diff') ? 'diff' : 'summary')).split('?');
	const p = new URLSearchParams(tail || '');
	if (document.getElementById(view) && !NAMES[view])
		return;
	state.query = p.get('q') || '';
	document.getElementById('search').value = state.query;
	if (LACKS[view] && !available.includes(view))
		banner(lacking(view));
	state.view = available.includes(view) ? view : 'summary';
	try {
		if (!await shared(p, wholeTree))
			banner('The selection of this link is not in this file.');
		if (state.view === 'flame') {
			await wholeTree();
			if (!seek(p))
				banner('The stack of this link is not in this file; its nearest caller is selected.');
		}
	} catch (e) {
		fail(e);
		state.view = state.view === 'flame' ? 'summary' : state.view;
	}
	await show();
}

function go(view) {
	if (!available.includes(view))
		return banner(lacking(view));
	state.view = view;
	remember(true);
	show().catch(fail);
	main.focus({ preventScroll: true });
	scrollTo(0, 0);
}

function place(view, element, before) {
	if (!element)
		return;
	element.dataset.view = view;
	main.insertBefore(element, before ?? document.getElementById('view-name').nextSibling);
	element.classList.toggle('off', state.view !== view);
}

const makers = {
	flame: async () => {
		await wholeTree();
		views.flame = await FlameView.make(() => remember(false));
		views.flame.onmetric = () => { search(); views.flame.draw(); };
		place('flame', views.flame.element);
	},
	sites: async () => place('sites', (views.sites = await makeSites()).element),
	diff: async () => {
		views.diff = await DiffView.make();
		place('diff', views.diff.element, document.getElementById('s-diff').nextSibling);
		for (const h of document.querySelectorAll('#s-diff h3, #s-diff h3 ~ *'))
			h.classList.add('replaced');
	},
	holders: async () => {
		views.holders = await HoldersView.make();
		place('holders', views.holders.element);
		document.getElementById('s-holders').classList.add('replaced');
	},
	types: async () => place('types', (views.types = await makeTypes()).element),
	memory: async () => (await section('facts')).column('snapshot')[0] &&
		place('memory', await makeArenas(), document.getElementById('s-gc')),
	time: async () => place('time', await makeTime()),
	leaks: () => makeLeaks(() => state.view === 'leaks' || go('leaks')),
};

async function show() {
	document.body.dataset.at = state.view;
	for (const e of document.querySelectorAll('[data-view]'))
		e.classList.toggle('off', !e.dataset.view.split(' ').includes(state.view));
	for (const a of document.querySelectorAll('nav a')) {
		if (a.dataset.to === state.view)
			a.setAttribute('aria-current', 'page');
		else
			a.removeAttribute('aria-current');
	}
	document.getElementById('view-name').textContent = NAMES[state.view];
	if (makers[state.view] && !made.has(state.view)) {
		const p = makers[state.view]();
		made.set(state.view, p);
		p.catch(fail);
	}
	await made.get(state.view);
	search();
	if (state.view === 'flame')
		views.flame.draw();
}

/* Words about a selection or a range that the view seen does not know. */
function aside(view) {
	const words = [];
	if (state.pick && view && !view.kinds.includes(state.pick.kind))
		words.push(`not narrowed by the ${state.pick.kind}: this view has none`);
	if (state.brush && !['leaks', 'flame', 'sites', 'time'].includes(state.view))
		words.push('the range does not change what is shown here');
	return words.join('; ');
}

function searchFlame(q, status) {
	const tree = state.tree, t = tree.totals(state.metric), pick = state.pick?.kind === 'site' ? state.pick : null;
	const a = state.estimate ? '~' : '';
	if (q.empty && !pick)
		return;
	const m = state.matches = tree.search((label, file) => (!pick || label === pick.label) &&
		passes(q, { any: label, site: label, file }), q.least, state.metric);
	status.dataset.v = m.sum;
	status.textContent = `${count(m.hits.length)} hits, ${a}${bytes(m.sum)} (${percent(m.sum, t[0])} %), each byte once`;
}

function search() {
	const q = parseQuery(state.query), status = document.getElementById('hits'), view = views[state.view];
	state.matches = null;
	status.textContent = '';
	status.removeAttribute('data-v');
	if (state.view === 'flame' && state.tree)
		return searchFlame(q, status);
	if (!view?.rows) {
		status.textContent = aside(view);
		return;
	}
	view.search?.(q);
	view.ranged?.();
	view.rows.filter(q, view.keep(state.pick));
	status.textContent = [q.empty ? '' : view.rows.note.textContent, aside(view)].filter(Boolean).join('; ');
}

function step(by) {
	const hits = state.matches?.hits;
	if (!hits?.length)
		return;
	const i = hits.indexOf(state.selected);
	state.selected = hits[(i + by + hits.length + (i < 0 && by < 0 ? 1 : 0)) % hits.length];
	if (!state.tree.path(state.selected).includes(state.focus))
		state.focus = 0;
	views.flame.draw();
	say(describe(state, state.selected));
}

function find(text) {
	state.query = text;
	if (!['flame', 'sites', 'types', 'holders', 'diff'].includes(state.view))
		return go(available.includes('sites') ? 'sites' : 'types');
	search();
	if (state.view === 'flame')
		views.flame.draw();
	remember(false);
}

/* The last filter goes first. */
function escape() {
	if (state.pick)
		setPick(null);
	else if (state.brush)
		setBrush(null);
}

function act(key) {
	const acts = { '/': () => document.getElementById('search').focus(), '?': help, T: theme, n: () => step(1),
		N: () => step(-1), y: () => copy(location.href, 'Link'), s: () => go('sites'), Escape: escape,
		x: () => views[state.view]?.rows?.csv() };
	if (views[state.view]?.key?.(key))
		return true;
	if (DIGITS[key] !== undefined)
		go(DIGITS[key]);
	else
		acts[key]?.();
	return key in acts || key in DIGITS;
}

/* The exact figure, where the pointer asks. */
function exact(e) {
	const cell = e.target.closest?.('td[data-v]');
	if (cell && !cell.title)
		cell.title = count(Number(cell.dataset.v));
}

async function strip() {
	const [timeline, snapshots] = await Promise.all([section('timeline'), section('snapshots')]);
	const ms = timeline.column('ms');
	state.end = ms[ms.length - 1] || 0;
	if (ms.length > 1)
		document.getElementById('top').append(new Strip(timeline, snapshots).element);
}

async function start() {
	let facts = null, why = null;
	try {
		facts = await section('facts');
	} catch (e) {
		why = e;
	}
	const fact = (name, otherwise) => facts ? facts.column(name)[0] : otherwise;
	const has = { 'a recording': fact('recorded', 1), 'a snapshot': fact('snapshot', 0),
		'a snapshot with its graph of references': fact('holders', 0),
		'two recordings to compare': fact('compared', 0) };
	state.estimate = Boolean(fact('estimate', 0));
	state.peaks = Boolean(fact('peaks', 1));
	available = Object.keys(NAMES).filter(v => !LACKS[v] || has[LACKS[v]]);
	chrome(available, { leaks: fact('suspects', 0) }, go, find);
	if (why)
		fail(why);
	if (!document.querySelector('body > script:last-of-type#pmp-strings'))
		banner('This file is cut short or has been changed: some sections are missing.');
	main.addEventListener('mouseover', exact);
	document.addEventListener('keydown', e => onKey(e, act));
	addEventListener('popstate', () => follow().catch(fail));
	addEventListener('hashchange', () => follow().catch(fail));
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => views.flame?.draw());
	if (has['a recording'])
		await strip().catch(fail);
	if (fact('suspects', 0) && state.view !== 'flame')
		requestIdleCallback?.(() => makeOnce('leaks'));
	watch(what => {
		if (what === 'theme')
			return;
		search();
		if (state.view === 'flame')
			views.flame?.draw();
		remember(false);
	});
	await follow();
}

function makeOnce(view) {
	if (!made.has(view)) {
		made.set(view, makers[view]());
		made.get(view).catch(fail);
	}
}

start().catch(fail);
