/* SPDX-License-Identifier: MIT */
/* Tables that sort, filter and show a hundred rows at a time. */
import { count } from './units.js';
import { el } from './dom.js';

const STEP = 100;

/* Words and a least size, ">1M", of a search text. */
export function parseQuery(text) {
	const words = [];
	let least = 0;
	for (const w of text.toLowerCase().split(/\s+/).filter(Boolean)) {
		const m = /^>(\d+(?:\.\d+)?)([kmg]?)(?:ib)?$/.exec(w);
		if (m)
			least = m[1] * { '': 1, k: 1024, m: 1048576, g: 1073741824 }[m[2]];
		else
			words.push(w);
	}
	return { words, least };
}

/*
 * columns: { title, value(row), text(row) or cell(row), figure }; label(row): what a search
 * looks at; size(row): what ">1M" looks at.
 */
export class Rows {
	constructor(id, caption, columns, rows, { label, size, pick }) {
		Object.assign(this, { columns, rows, label, size, pick });
		this.order = columns.findIndex(c => c.figure);
		this.falling = true;
		this.shown = STEP;
		this.query = { words: [], least: 0 };
		this.body = el('tbody');
		this.note = el('p', { class: 'note' });
		this.heads = columns.map((c, i) => el('th', { scope: 'col', class: c.figure ? 'n' : null },
			el('button', { class: 'sort', onclick: () => this.sort(i) }, c.title)));
		this.element = el('div', {}, this.note, el('div', { class: 'wide', tabindex: 0, role: 'region',
			'aria-label': caption }, el('table', { id }, el('caption', {}, caption),
			el('thead', {}, el('tr', {}, ...this.heads)), this.body)));
		this.more = el('button', { onclick: () => { this.shown += STEP; this.draw(); } });
		this.element.append(this.more);
		this.draw();
	}

	sort(i) {
		this.falling = i === this.order ? !this.falling : Boolean(this.columns[i].figure);
		this.order = i;
		this.draw();
	}

	filter(query) {
		this.query = query;
		this.shown = STEP;
		this.draw();
	}

	draw() {
		const { words, least } = this.query, c = this.columns[this.order], sign = this.falling ? -1 : 1;
		let list = this.rows;
		if (words.length || least)
			list = list.filter(r => this.size(r) >= least &&
				words.every(w => this.label(r).toLowerCase().includes(w)));
		const keyed = list.map(r => [c.value(r), r]);
		keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * sign);
		this.heads.forEach((h, i) => {
			if (i === this.order)
				h.setAttribute('aria-sort', this.falling ? 'descending' : 'ascending');
			else
				h.removeAttribute('aria-sort');
		});
		this.body.replaceChildren(...keyed.slice(0, this.shown).map(([, r]) => el('tr', {},
			...this.columns.map((col, i) => this.cell(col, r, i)))));
		this.note.textContent = `${count(list.length)} of ${count(this.rows.length)} rows` +
			(list.length > this.shown ? `, the first ${this.shown} shown` : '');
		this.more.hidden = list.length <= this.shown;
		this.more.textContent = `Show ${Math.min(STEP, list.length - this.shown)} more`;
	}

	cell(column, row, i) {
		const content = column.text(row);
		if (i === 0 && this.pick)
			return el('td', { class: 'name' },
				el('a', { href: this.pick(row) }, el('bdi', {}, ...[].concat(content))));
		return el('td', { class: column.figure ? 'n' : 'name',
			'data-v': column.figure ? column.value(row) : null }, ...[].concat(content));
	}
}
