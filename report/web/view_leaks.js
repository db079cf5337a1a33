/* SPDX-License-Identifier: MIT */
/*
 * The leaks view over its static tables: the list chooses whose evidence is seen, a range of
 * time adds what each suspect gained in it, the selection leaves only suspects it is part of.
 */
import { delta } from './units.js';
import { section, strings } from './data.js';
import { wholeTree } from './tree.js';
import { el } from './dom.js';
import { setPick, state, watch } from './store.js';

/* The evidence seen in the leaks view; without a script all of it is. */
function choose(n) {
	for (const d of document.querySelectorAll('#s-evidence [data-suspect]')) {
		d.hidden = Number(d.dataset.suspect) !== n;
		d.open ||= !d.hidden;
	}
	for (const r of document.querySelectorAll('#t-suspects tr[data-suspect]'))
		r.setAttribute('aria-current', String(Number(r.dataset.suspect) === n));
}

function link(tree, node, row) {
	return el('p', { class: 'tools' }, el('a', { class: 'button', href: '#flame?at=' + tree.address(node) }, 'Show in the flame graph'),
		el('button', { onclick: () => setPick({ kind: 'site', label: tree.label(node), name:
			`${tree.name(node)} ${tree.where(node, false)}`, at: tree.address(node) }) }, 'Filter all views'), row);
}

/* Leads with their parts: rows of sites, their nodes, types and holders. */
export async function allSuspects(tree) {
	const [t, text] = await Promise.all([section('suspects'), strings()]), out = [];
	for (let i = 0; i < t.rows; i++) {
		const row = t.column('row')[i] - 1;
		if (!t.column('part')[i])
			out.push({ rows: [], nodes: [], types: [], holder: text(t.column('holder')[i]) });
		const s = out.at(-1);
		s.nodes.push(row < 0 ? -1 : tree.rowNode[row]);
		if (row >= 0 && !s.rows.includes(row))
			s.rows.push(row);
		s.types.push(text(t.column('type')[i]));
	}
	return out;
}

/* Whether a suspect has to do with the selection. */
function concerns(s, tree, pick) {
	if (pick?.kind === 'type')
		return s.types.includes(pick.label);
	if (pick?.kind === 'holder')
		return s.holder === pick.label;
	return pick?.kind !== 'site' || s.nodes.some(node => node >= 0 &&
		tree.path(node).some(n => tree.label(n) === pick.label));
}

export async function makeLeaks(open) {
	const list = [...document.querySelectorAll('#t-suspects tbody tr')];
	if (!list.length)
		return null;
	for (const tr of list) {
		const cell = tr.querySelector('td.name'), n = Number(tr.dataset.suspect);
		const act = el('button', { class: 'pick', onclick: () => { choose(n); open(); } }, ...cell.childNodes);
		cell.replaceChildren(act);
	}
	choose(1);
	const tree = await wholeTree();
	const suspects = await allSuspects(tree);
	const gains = suspects.map(() => el('span', { class: 'note' }));
	suspects.forEach((s, i) => {
		const d = document.querySelector(`#s-evidence [data-suspect="${i + 1}"]`);
		if (d && s.nodes[0] >= 0)
			d.append(link(tree, s.nodes[0], gains[i]));
	});
	const update = () => {
		const grew = state.brush ? tree.figures.column('grew') : null;
		suspects.forEach((s, i) => {
			const sum = grew ? s.rows.reduce((all, r) => all + grew[r], 0) : 0;
			gains[i].textContent = grew ? `In the range: ${state.estimate ? '~' : ''}${delta(sum)}` : '';
			if (list[i])
				list[i].hidden = !concerns(s, tree, state.pick);
		});
	};
	update();
	watch(what => ['brush', 'pick'].includes(what) && update());
	return null;
}
