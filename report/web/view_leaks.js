/* SPDX-License-Identifier: MIT */
/*
 * The leaks view over its static tables: the list chooses whose evidence is seen, a range of
 * time adds what each suspect gained in it, the selection leaves only suspects it is part of.
 */
import { delta } from './units.js';
import { section } from './data.js';
import { loadTree } from './tree.js';
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
	const tree = state.whole ??= await loadTree();
	state.tree ??= tree;
	const rows = (await section('suspects')).column('row');
	const nodes = Array.from(rows, r => r ? tree.rowNode[r - 1] : -1);
	const gains = nodes.map(() => el('span', { class: 'note' }));
	nodes.forEach((node, i) => {
		const d = document.querySelector(`#s-evidence [data-suspect="${i + 1}"]`);
		if (d && node >= 0)
			d.append(link(tree, node, gains[i]));
	});
	const update = () => {
		const grew = state.brush ? tree.figures.column('grew') : null;
		gains.forEach((e, i) => { e.textContent = grew && rows[i] ? `In the range: ${delta(grew[rows[i] - 1])}` : ''; });
		list.forEach((tr, i) => {
			tr.hidden = state.pick?.kind === 'site' && nodes[i] >= 0 &&
				!tree.path(nodes[i]).some(n => tree.label(n) === state.pick.label);
		});
	};
	update();
	watch(what => ['brush', 'pick'].includes(what) && update());
	return null;
}
