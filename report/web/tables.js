/* SPDX-License-Identifier: MIT */
/* Tables that sort, filter and show a hundred rows at a time. */
import { count } from './units.js';
import { el } from './dom.js';
import { passes } from './query.js';

const STEP = 100;

/* Comma-separated values of a table as shown, whole. */
function csvText(columns, rows) {
	const cell = v => /[",\n]|^[=+@-]/.test(v) && !/^-?\d/.test(v) ? `"${v.replace(/"/g, '""')}"` : v;
	const plain = v => v instanceof Node ? v.textContent : Array.isArray(v) ? v.map(plain).join('') : String(v);
	return [columns.map(c => cell(c.title)), ...rows.map(r => columns.map(c =>
		c.figure ? String(c.value(r)) : cell(plain(c.text(r)))))].map(l => l.join(',')).join('\n') + '\n';
}

/*
 * columns: { title, value(row), text(row), figure, share }; share: a bar behind the figure.
 * fields(row): what a search looks at; size(row): what ">1M" looks at; pick(row): becomes the
 * selection of all views.
 */
export class Rows {
	constructor(id, caption, columns, rows, { fields, size, pick, picked }) {
		Object.assign(this, { id, columns, rows, fields, size, pick, picked });
		this.order = columns.findIndex(c => c.figure);
		this.falling = true;
		this.shown = STEP;
		this.query = { terms: [], least: 0 };
		this.keep = null;
		this.body = el('tbody');
		this.note = el('p', { class: 'note' });
		this.headRow = el('tr');
		this.head();
		this.element = el('div', {}, this.note, el('div', { class: 'wide', tabindex: 0, role: 'region',
			'aria-label': caption }, el('table', { id }, el('caption', {}, caption),
			el('thead', {}, this.headRow), this.body)));
		this.more = el('button', { onclick: () => { this.shown += STEP; this.draw(); } });
		this.element.append(this.more, ' ', el('button', { onclick: () => this.csv() }, 'CSV'));
		this.draw();
	}

	sort(i) {
		this.falling = i === this.order ? !this.falling : Boolean(this.columns[i].figure);
		this.order = i;
		this.draw();
	}

	/* A column more at a place, or the one that was there away. */
	extra(at, column) {
		if (Boolean(this.added) === Boolean(column))
			return;
		const i = column ? at : this.columns.indexOf(this.added);
		this.columns.splice(i, column ? 0 : 1, ...column ? [column] : []);
		this.order = column ? i : Math.max(0, this.order > i ? this.order - 1 : this.order);
		this.added = column;
		this.head();
	}

	head() {
		this.heads = this.columns.map((c, i) => el('th', { scope: 'col', class: c.figure ? 'n' : null },
			el('button', { class: 'sort', onclick: () => this.sort(i) }, c.title)));
		this.headRow.replaceChildren(...this.heads);
	}

	/* keep(row): of the selection; null: all */
	filter(query, keep) {
		this.query = query;
		this.keep = keep;
		this.shown = STEP;
		this.draw();
	}

	csv() {
		const link = el('a', { href: URL.createObjectURL(new Blob([csvText(this.columns, this.rows)],
			{ type: 'text/csv' })), download: this.id + '.csv' });
		link.click();
		setTimeout(() => URL.revokeObjectURL(link.href), 1000);
	}

	draw() {
		const c = this.columns[this.order], sign = this.falling ? -1 : 1;
		const list = this.rows.filter(r => this.size(r) >= this.query.least &&
			passes(this.query, this.fields(r)) && (!this.keep || this.keep(r)));
		this.most = this.columns.map(col => !col.share ? 0 :
			this.rows.reduce((sum, r) => sum + Math.max(0, col.value(r)), 0));
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
		const content = [].concat(column.text(row));
		if (i === 0 && this.pick) {
			const on = this.picked?.(row);
			return el('td', { class: 'name' }, el('button', { class: 'pick', 'aria-pressed': String(Boolean(on)),
				onclick: () => this.pick(row) }, ...content));
		}
		const part = column.share ? Math.round(20 * column.value(row) / (this.most[i] || 1)) : 0;
		return el('td', { class: (column.figure ? 'n' : 'name') + (part > 0 ? ` b b${Math.min(part, 20)}` : ''),
			'data-v': column.figure ? column.value(row) : null }, ...content);
	}
}
