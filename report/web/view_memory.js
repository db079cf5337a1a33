/* SPDX-License-Identifier: MIT */
/* The map of arenas: one row per arena, one cell per pool, darker is fuller; what pins each. */
import { count, percent } from './units.js';
import { section, strings } from './data.js';
import { el } from './dom.js';
import { state, watch } from './store.js';

const SHOWN = 60;
const CELL = 6;

function paint({ canvas, map }, ink) {
	const g = canvas.getContext('2d');
	g.clearRect(0, 0, canvas.width, canvas.height);
	g.fillStyle = ink;
	map.forEach((v, i) => {
		g.globalAlpha = 0.08 + 0.92 * v / 255;
		g.fillRect(i * CELL, 0, CELL - 1, 14);
	});
}

/* "12 full, 3 partly, 48 empty": the map in words */
function mapWords(map) {
	const full = map.filter(v => v === 255).length, empty = map.filter(v => v === 0).length;
	return `${full} full, ${map.length - full - empty} partly used, ${empty} empty`;
}

export async function makeArenas() {
	const [t, text, facts] = await Promise.all([section('arenas'), strings(), section('facts')]);
	const all = facts.column('arenas')[0], size = facts.column('arena_bytes')[0] || 1;
	const rows = Array.from({ length: Math.min(t.rows, SHOWN) }, (_, i) => {
		const map = t.column('map')[i], pins = text(t.column('pinned')[i]);
		const canvas = el('canvas', { width: Math.max(map.length, 1) * CELL, height: 14, role: 'img',
			'aria-label': mapWords(map), class: 'arena' });
		return { canvas, map, pins, row: el('tr', {}, el('th', { scope: 'row' }, t.column('addr')[i].toString(16)),
			el('td', {}, canvas), el('td', { class: 'n', 'data-v': t.column('live')[i] },
				percent(t.column('live')[i], size) + ' %'),
			el('td', { class: 'n' }, count(t.column('pools')[i])),
			el('td', { class: 'name' }, el('bdi', {}, pins || '-'))) };
	});
	const draw = () => {
		const ink = getComputedStyle(document.querySelector('main')).getPropertyValue('--live').trim();
		rows.forEach(r => paint(r, ink));
	};
	const filter = () => {
		for (const r of rows)
			r.row.hidden = state.pick?.kind === 'type' && !r.pins.includes(state.pick.label);
	};
	filter();
	queueMicrotask(draw);
	watch(what => what === 'theme' ? draw() : what === 'pick' && filter());
	return el('section', { 'aria-labelledby': 'h-arenas' }, el('h2', { id: 'h-arenas' }, 'Arenas'),
		el('p', { class: 'note' }, `${rows.length} of ${count(all)}, emptiest first. One cell is one pool: ` +
			'empty is pale, full is dark.'),
		el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Occupancy of arenas' },
			el('table', { id: 'arenas' }, el('caption', {}, 'Occupancy and what pins it'),
				el('thead', {}, el('tr', {}, ...['Arena', 'Pools', 'Live', 'Number', 'Pinned most by'].map((h, i) =>
					el('th', { scope: 'col', class: i === 2 || i === 3 ? 'n' : null }, h)))),
				el('tbody', {}, ...rows.map(r => r.row)))));
}
