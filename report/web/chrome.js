/* SPDX-License-Identifier: MIT */
/* What stands around the views: their names, search, selection, range, theme, the list of keys. */
import { el } from './dom.js';
import { seconds } from './units.js';
import { changed, setBrush, setPick, state, watch } from './store.js';

export const NAMES = { summary: 'Summary', leaks: 'Leaks', flame: 'Flame', sites: 'Sites', types: 'Types',
	holders: 'Holders', memory: 'Memory', time: 'Time', advice: 'Advice', diff: 'Diff', checks: 'Checks', about: 'About' };
export const DIGITS = { 1: 'summary', 2: 'leaks', 3: 'flame', 4: 'types', 5: 'holders', 6: 'memory', 7: 'time',
	8: 'advice', 9: 'diff', 0: 'checks' };
export const LACKS = { leaks: 'a recording', flame: 'a recording', sites: 'a recording', time: 'a recording',
	types: 'a snapshot', holders: 'a snapshot with its graph of references', diff: 'two recordings to compare',
	checks: 'the verdict of pymemprof check', advice: 'a snapshot' };
const KEYS = [['1 2 3', 'Summary, Leaks, Flame'], ['4 5 6 7', 'Types, Holders, Memory, Time'], ['8 9 0', 'Advice, Diff, Checks'],
	['s', 'Sites'], ['/', 'search'], ['n N', 'next, previous match'], ['arrows h j k l', 'move in the graph or the rows'], ['*', 'rows: open all siblings'],
	['Enter', 'focus: the frame gets the whole width'], ['Backspace u', 'one step back out'],
	['[ ]', 'previous, next big drop'], ['t', 'rows instead of the graph'], ['p i m d', 'callers, invert, merge, drop'],
	['r', 'reset the graph and the search'], ['Space', 'filter all views by the frame'], ['c C', 'copy the stack, as Markdown'],
	['y', 'copy the link'], ['x', 'this table as CSV'], ['T', 'light or dark'],
	['Esc', 'take away the last filter'], ['?', 'this list']];

const lettersOff = () => document.getElementById('letters')?.checked === false;

export function banner(text) {
	if (![...document.querySelectorAll('.banner p')].some(p => p.textContent === text)) {
		const b = el('div', { class: 'banner', role: 'alert' }, el('p', {}, text),
			el('button', { onclick: () => b.remove(), 'aria-label': 'Close this notice' }, '\u00d7'));
		document.getElementById('banners').append(b);
	}
}

export function theme() {
	const root = document.documentElement.dataset;
	const dark = root.theme ? root.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
	root.theme = dark ? 'light' : 'dark';
	changed('theme');
}

export function help() {
	const d = document.getElementById('keys');
	if (!d.open)
		d.showModal();
}

/* Selection and range, each with the way to take it away. */
function chips() {
	const box = el('div', { class: 'chips' });
	const chip = (kind, name, away) => el('button', { class: 'chip', onclick: away, 'aria-label':
		`Take away the filter ${kind} ${name}` }, el('span', {}, kind + ': '), el('b', {}, el('bdi', {}, name)), ' \u00d7');
	const fill = () => box.replaceChildren(
		...state.brush ? [chip('range', state.brush.map(seconds).join(' to '), () => setBrush(null))] : [],
		...state.pick ? [chip(state.pick.kind, state.pick.name, () => setPick(null))] : []);
	watch(what => what !== 'theme' && fill());
	return box;
}

function dialog() {
	const box = el('dialog', { id: 'keys', 'aria-labelledby': 'h-keys' }, el('h2', { id: 'h-keys' }, 'Keys'),
		el('dl', { class: 'figures' }, ...KEYS.flatMap(([k, what]) => [el('dt', {}, el('kbd', {}, k)), el('dd', {}, what)])),
		el('p', {}, el('label', {}, el('input', { type: 'checkbox', id: 'letters', checked: true }), ' Single letters act')),
		el('h3', {}, 'Search'), el('p', {}, 'Words all of which must be found; -word for none of it; /expression/; ' +
			'type: site: file: before a word for that part only; >1M for a least size.'),
		el('button', { onclick: () => box.close() }, 'Close'));
	return box;
}

/* go(view), find(text): a view, a search */
export function chrome(available, counts, go, find) {
	const input = el('input', { id: 'search', type: 'search', placeholder: 'Search: name file:cache >1M', autocomplete: 'off',
		spellcheck: 'false', 'aria-label': 'Search' });
	let wait;
	input.addEventListener('input', () => {
		clearTimeout(wait);
		wait = setTimeout(() => find(input.value), 120);
	});
	const digit = v => Object.keys(DIGITS).find(d => DIGITS[d] === v) ?? (v === 'sites' ? 's' : null);
	const nav = el('nav', { 'aria-label': 'Views' }, ...available.map(v => el('a', { href: '#' + v, 'data-to': v,
		'aria-keyshortcuts': digit(v), onclick: e => { e.preventDefault(); go(v); } }, NAMES[v],
	counts[v] ? el('span', { class: 'count' }, String(counts[v])) : '')));
	const top = document.getElementById('top');
	top.querySelector('.who').append(el('span', { class: 'acts' }, el('button', { onclick: theme, 'aria-keyshortcuts': 'Shift+T' },
		'Theme'), el('button', { onclick: help, 'aria-keyshortcuts': '?' }, 'Keys')));
	top.append(el('div', { class: 'bar' }, nav, el('div', { class: 'find', role: 'search' }, input),
		el('output', { id: 'hits', for: 'search' }), chips()));
	document.body.append(dialog(), el('div', { id: 'live', class: 'sr', role: 'status', 'aria-live': 'polite' }));
	const main = document.querySelector('main');
	main.before(el('div', { id: 'banners' }));
	main.prepend(el('h1', { id: 'view-name', class: 'sr', 'data-view':
		'flame sites types holders memory time advice diff checks about' }));
	main.tabIndex = -1;
}

/* acts: what keys do in this view, by name; true from one of them when it has acted. */
export function onKey(e, acts) {
	const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName);
	if (e.key === 'Escape' && e.target.id === 'search') {
		e.target.blur();
		return;
	}
	if (typing || e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]'))
		return;
	if (e.key === ' ' && /^(BUTTON|A|SUMMARY)$/.test(e.target.tagName))
		return;
	if (e.key.length === 1 && lettersOff() && e.key !== '?')
		return;
	if (acts(e.key))
		e.preventDefault();
}
