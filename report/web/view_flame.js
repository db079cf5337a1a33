/* SPDX-License-Identifier: MIT */
/* The flame graph and its twin of rows, what shapes them, and the details of the chosen frame. */
import { bytes, count, percent, rate } from './units.js';
import { METRICS, verdictName, wholeTree } from './tree.js';
import { copy, el, say } from './dom.js';
import { Flame, describe } from './flame.js';
import { Grid } from './grid.js';
import { ACT_WORDS, HIDEABLE, framesOf, shaped } from './shape.js';
import { allSuspects } from './view_leaks.js';
import { setPick, state, watch } from './store.js';

const HIDE_WORDS = { imports: 'Frames of importlib and zipimport go; their bytes count for whoever imported',
	interpreter: 'Frames of frozen modules, runpy and threading go; their bytes stay with their callers' };

/* Innermost frames of suspects: they are marked in the graph. */
async function leakFrames(tree) {
	return new Set((await allSuspects(tree)).flatMap(s => s.nodes));
}

export class FlameView {
	constructor(leaks, remember) {
		this.remember = remember;
		this.leaks = leaks;
		const on = { select: n => this.select(n), focus: n => this.focus(n) };
		this.flame = new Flame(state, on);
		this.grid = new Grid(state, on);
		this.metric = el('select', { id: 'metric', onchange: e => { state.metric = e.target.value; this.onmetric(); } });
		this.thread = el('select', { id: 'thread', onchange: e => this.ofThread(Number(e.target.value)) });
		this.hiders = Object.keys(HIDEABLE).filter(k => framesOf(state.whole, k).size).map(k =>
			el('button', { 'data-kind': k, title: HIDE_WORDS[k], onclick: () => this.hide(k) }, 'Hide ' + k));
		this.twin = el('button', { id: 'twin-button', onclick: () => this.flip() }, 'Rows');
		this.steps = el('span', { class: 'steps' });
		this.details = el('div', { class: 'details' });
		const act = (text, key, run) => el('button', { onclick: run, 'aria-keyshortcuts': key, title: `Key ${key}` }, text);
		this.element = el('section', { 'aria-labelledby': 'h-flame' },
			el('div', { class: 'tools' }, el('h2', { id: 'h-flame' }, 'Flame graph'),
				el('label', { for: 'metric' }, 'Width '), this.metric,
				...state.whole.owners ? [el('label', { for: 'thread' }, 'Thread '), this.thread] : [], this.twin, ...this.hiders,
				el('span', { class: 'group' }, act('Focus', 'f', () => this.focus(state.selected)),
					act('Callers', 'p', () => this.shape('callers')), act('Invert', 'i', () => this.shape('up')),
					act('Merge', 'm', () => this.shape('merge')), act('Drop', 'd', () => this.shape('drop')),
					act('Reset', 'r', () => this.reset())),
				el('span', { class: 'group' }, act('Filter all views', 'Space', () => this.pick()),
					act('Copy stack', 'c', () => this.copy()), act('Copy link', 'y', () => copy(location.href, 'Link')))),
			this.steps, this.flame.element, this.grid.element,
			el('p', { id: 'flame-help', class: 'note' }, 'Callers above, callees below, largest left. Click selects, ' +
				'double click or Enter gives a frame the whole width. A red edge marks a leak suspect.'),
			this.details);
		watch(what => what === 'theme' && this.draw());
	}

	static async make(remember) {
		return new FlameView(await leakFrames(await wholeTree()), remember);
	}

	draw() {
		state.leaks = state.tree === state.whole ? this.leaks : null;
		this.flame.element.hidden = state.twin;
		this.grid.element.hidden = !state.twin;
		this.twin.setAttribute('aria-pressed', String(state.twin));
		this.metric.replaceChildren(...METRICS.filter(([m]) => m === 'grew' ? state.brush : m !== 'peak' || state.peaks)
			.map(([m, t]) => el('option', { value: m }, t)));
		this.metric.value = state.metric;
		this.thread.replaceChildren(el('option', { value: 0 }, 'all threads'), ...state.whole.owners?.names
			.map((n, i) => el('option', { value: i + 1 }, n)) ?? []);
		this.thread.value = state.shape.find(s => s.act === 'thread')?.frame ?? 0;
		for (const b of this.hiders)
			b.setAttribute('aria-pressed', String(state.shape.some(s => s.act === 'hide' && s.frame === b.dataset.kind)));
		this.steps.replaceChildren(...state.shape.map((s, i) => el('button', { class: 'chip',
			onclick: () => this.unshape(i) }, `${ACT_WORDS[s.act]} ${s.name} \u00d7`)));
		if (state.twin)
			this.grid.draw();
		else
			this.flame.draw();
		this.drawDetails();
		this.remember();
	}

	figures(node) {
		const { tree, metric, estimate } = state, a = estimate ? '~' : '', whole = tree.totals(metric);
		const rows = [[METRICS.find(([m]) => m === metric)[1], `${a}${bytes(whole[node])}`,
			`${percent(whole[node], whole[0])} % of ${a}${bytes(whole[0])}`],
		['made in this very frame', `${a}${bytes(tree.self(node, metric))}`, '']];
		for (const [m, words] of METRICS)
			if (m !== metric && m !== 'grew' && (m !== 'peak' || state.peaks))
				rows.push([words, `${a}${bytes(tree.totals(m)[node])}`, `${count(tree.totals(m + '_blocks')[node])} blocks`]);
		const row = tree === state.whole ? tree.rowNode.indexOf(node) : -1;
		if (row >= 0) {
			const s = tree.figures.sites;
			rows.push(['growth', a + rate(s.column('slope')[row]), verdictName(s.column('verdict')[row])]);
		}
		return rows;
	}

	drawDetails() {
		const { tree, selected } = state;
		this.details.replaceChildren(
			el('div', {}, el('h3', { id: 'selected' }, tree.label(selected), el('i', { class: 'sr' }, ': '),
				el('span', {}, describe(state, selected).slice(tree.label(selected).length + 2))),
				el('dl', { class: 'figures' }, ...this.figures(selected).flatMap(([k, v, more]) =>
					[el('dt', {}, k), el('dd', {}, el('b', {}, v), ' ', el('span', { class: 'note' }, more))]))),
			el('div', {}, el('h3', {}, 'Stack, innermost first'), selected ? el('ol', { class: 'stack',
				'aria-label': 'Stack, innermost first' }, ...tree.path(selected).reverse().slice(0, 40)
				.map(i => el('li', {}, el('b', {}, el('bdi', {}, tree.name(i))), ' ',
					el('span', { class: 'file' }, tree.where(i, true))))) : el('p', { class: 'note' }, 'Choose a frame.')));
	}

	select(node) {
		state.selected = node;
		this.draw();
	}

	focus(node) {
		state.focus = state.selected = node;
		this.draw();
		say(`Focus on ${state.tree.name(node)}`);
	}

	flip() {
		state.twin = !state.twin;
		this.draw();
	}

	/* A step of shape.js with the chosen frame; again undoes an inversion. */
	shape(act) {
		const frame = state.tree.frame[state.selected];
		if (act !== 'up' && frame < 3)
			return;
		const last = state.shape.at(-1);
		if (act === 'up' && last?.act === 'up')
			state.shape = state.shape.slice(0, -1);
		else
			state.shape = [...state.shape, { act, frame: act === 'up' ? 0 : frame,
				name: act === 'up' ? '' : state.tree.name(state.selected) }];
		this.reshape();
	}

	/* Steps that are there once at most: what is chosen anew replaces what was. */
	once(step, same) {
		const rest = state.shape.filter(s => !same(s));
		state.shape = step ? [...rest, step] : rest;
		this.reshape();
	}

	ofThread(i) {
		this.once(i ? { act: 'thread', frame: i, name: state.whole.owners.names[i - 1] } : null, s => s.act === 'thread');
	}

	hide(kind) {
		const same = s => s.act === 'hide' && s.frame === kind;
		this.once(state.shape.some(same) ? null : { act: 'hide', frame: kind, name: kind }, same);
	}

	unshape(i) {
		state.shape = state.shape.filter((_, k) => k !== i);
		this.reshape();
	}

	reshape() {
		const path = state.tree.address(state.selected);
		state.tree = shaped(state.whole, state.shape);
		state.focus = 0;
		state.selected = state.tree.find(path).node;
		this.onmetric();
		say(state.shape.length ? state.shape.map(s => `${ACT_WORDS[s.act]} ${s.name}`).join(', ') : 'Whole graph');
	}

	reset() {
		state.shape = [];
		state.query = document.getElementById('search').value = '';
		state.focus = state.selected = 0;
		this.reshape();
	}

	pick() {
		const node = state.selected;
		if (node > 0 && state.tree.frame[node] > 2)
			setPick({ kind: 'site', label: state.tree.label(node), name:
				`${state.tree.name(node)} ${state.tree.where(node, false)}` });
	}

	copy(markdown) {
		const text = state.tree.stackText(state.selected);
		copy(markdown ? `**${describe(state, state.selected)}**\n\n` + text.split('\n')
			.map(l => '- `' + l.replace(/`/g, "'") + '`').join('\n') : text, 'Stack');
	}

	/* Keys of this view; false when it is none of them. */
	key(k) {
		const act = { f: () => this.focus(state.selected), p: () => this.shape('callers'), i: () => this.shape('up'),
			m: () => this.shape('merge'), d: () => this.shape('drop'), r: () => this.reset(), t: () => this.flip(),
			c: () => this.copy(false), C: () => this.copy(true), ' ': () => this.pick(),
			u: () => this.focus(Math.max(state.tree.parent[state.focus], 0)) }[k];
		act?.();
		return Boolean(act);
	}
}
