/* SPDX-License-Identifier: MIT */
/* The time view: the chart, what grew most in the range, the course as a table. */
import { bytes, delta } from './units.js';
import { section } from './data.js';
import { wholeTree } from './tree.js';
import { el } from './dom.js';
import { TimeChart, timeTable } from './time.js';
import { setPick, state, watch } from './store.js';

const GROWERS = 10;

/* Live bytes over time of all rows whose stack has the chosen frame. */
function courseOf(tree, pick) {
	if (pick?.kind !== 'site')
		return null;
	const { course } = tree.figures, inside = new Uint8Array(tree.n), values = new Float64Array(course.ms.length);
	for (let i = 1; i < tree.n; i++)
		inside[i] = inside[tree.parent[i]] || (tree.frame[i] > 2 && tree.label(i) === pick.label) ? 1 : 0;
	tree.rowNode.forEach((node, row) => {
		if (inside[node])
			course.values(row).forEach((v, i) => { values[i] += v; });
	});
	return { ms: course.ms, values, name: pick.name };
}

function growers(tree) {
	const grew = tree.figures.column('grew'), live = tree.figures.column('live'), a = state.estimate ? '~' : '';
	const rows = Array.from(grew.keys()).filter(i => grew[i] !== 0 && tree.frame[tree.rowNode[i]] !== 1)
		.sort((x, y) => grew[y] - grew[x]).slice(0, GROWERS);
	return rows.map(i => {
		const node = tree.rowNode[i], where = tree.where(node, false);
		return el('tr', {}, el('td', { class: 'name' }, el('button', { class: 'pick', onclick: () => setPick({
			kind: 'site', label: tree.label(node), name: `${tree.name(node)} ${where}` }) },
		el('b', {}, el('bdi', {}, tree.name(node))), ' ', el('span', { class: 'file' }, where))),
		el('td', { class: 'n', 'data-v': grew[i] }, a + delta(grew[i])),
		el('td', { class: 'n', 'data-v': live[i] }, a + bytes(live[i])));
	});
}

export async function makeTime() {
	const [timeline, snapshots] = await Promise.all([section('timeline'), section('snapshots')]);
	const chart = new TimeChart(timeline, snapshots, state.estimate);
	const tree = await wholeTree().catch(() => null);
	const caption = el('caption'), body = el('tbody');
	const fill = () => {
		chart.extra = tree && courseOf(tree, state.pick);
		chart.draw();
		caption.textContent = state.brush ? 'What grew most within the range' :
			'What grew most; drag over the curve for a range of time';
		body.replaceChildren(...tree ? growers(tree) : []);
	};
	fill();
	watch(what => ['brush', 'pick', 'theme'].includes(what) && fill());
	return el('section', { 'aria-labelledby': 'h-time' }, el('h2', { id: 'h-time' }, 'Time'), chart.element,
		tree && el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Growers' }, el('table',
			{ id: 't-growers' }, caption, el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Made at'),
				el('th', { scope: 'col', class: 'n' }, 'Change'), el('th', { scope: 'col', class: 'n' }, 'Live at its end'))),
			body)), timeTable(chart));
}
