/* SPDX-License-Identifier: MIT */
/* Live bytes and RSS over the recording: lines, a readout, and the same as a table. */
import { bytes, count, seconds } from './units.js';
import { el } from './dom.js';

const HEIGHT = 260;
const EDGE = 18;

export class TimeChart {
	constructor(timeline, estimate) {
		this.ms = timeline.column('ms');
		this.live = timeline.column('live');
		this.rss = timeline.column('rss');
		this.alloc = timeline.column('alloc');
		this.freed = timeline.column('freed');
		this.about = estimate ? '~' : '';
		this.at = -1;
		this.canvas = el('canvas', { tabindex: 0, role: 'application', id: 'course',
			'aria-label': 'Memory over time; arrow keys read values, the table below has them all' });
		this.readout = el('p', { class: 'note', 'aria-live': 'polite' }, 'Point at the curve, or use the arrow keys.');
		this.element = el('div', { class: 'chart' },
			el('p', { class: 'legend' }, el('span', { class: 'key live' }), ' Python live ',
				el('span', { class: 'key rss' }), ' resident (RSS)'), this.canvas, this.readout);
		this.canvas.addEventListener('mousemove', e => this.read((e.clientX -
			this.canvas.getBoundingClientRect().left) / this.canvas.clientWidth));
		this.canvas.addEventListener('keydown', e => this.key(e));
		new ResizeObserver(() => this.draw()).observe(this.element);
	}

	key(e) {
		const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
		if (!step)
			return;
		e.preventDefault();
		this.show(Math.min(Math.max(this.at + step, 0), this.ms.length - 1));
	}

	read(part) {
		const ms = part * (this.ms[this.ms.length - 1] || 1);
		let i = this.ms.findIndex(v => v >= ms);
		this.show(i < 0 ? this.ms.length - 1 : i);
	}

	show(i) {
		if (i < 0)
			return;
		this.at = i;
		this.readout.textContent = `${seconds(this.ms[i])}: live ${this.about}${bytes(this.live[i])}` +
			(this.rss[i] ? `, resident ${bytes(this.rss[i])}` : '') +
			`, allocated ${this.about}${bytes(this.alloc[i])}, freed ${this.about}${bytes(this.freed[i])}`;
		this.draw();
	}

	line(g, values, width, top, colour, dash) {
		const end = this.ms[this.ms.length - 1] || 1;
		g.strokeStyle = colour;
		g.lineWidth = 2;
		g.setLineDash(dash);
		g.beginPath();
		let begun = false;
		for (let i = 0; i < values.length; i++) {
			if (values === this.rss && !values[i])
				continue;
			const x = this.ms[i] / end * width, y = HEIGHT - EDGE - values[i] / top * (HEIGHT - 2 * EDGE);
			if (begun)
				g.lineTo(x, y);
			else
				g.moveTo(x, y);
			begun = true;
		}
		g.stroke();
		g.setLineDash([]);
	}

	draw() {
		const width = this.element.clientWidth, ratio = devicePixelRatio || 1;
		if (!width || !this.ms.length)
			return;
		const style = getComputedStyle(this.element), v = n => style.getPropertyValue(n).trim();
		let top = 1;
		for (let i = 0; i < this.ms.length; i++)
			top = Math.max(top, this.live[i], this.rss[i]);
		this.canvas.width = width * ratio;
		this.canvas.height = HEIGHT * ratio;
		this.canvas.style.height = HEIGHT + 'px';
		const g = this.canvas.getContext('2d');
		g.scale(ratio, ratio);
		g.font = '12px ' + getComputedStyle(document.body).fontFamily;
		g.fillStyle = v('--dim');
		g.fillText(bytes(top), 2, EDGE - 5);
		g.fillText('0', 2, HEIGHT - 4);
		const end = seconds(this.ms[this.ms.length - 1]);
		g.fillText(end, width - g.measureText(end).width - 2, HEIGHT - 4);
		g.fillRect(0, HEIGHT - EDGE, width, 1);
		this.line(g, this.rss, width, top, v('--rss'), [6, 4]);
		this.line(g, this.live, width, top, v('--live'), []);
		if (this.at >= 0) {
			const x = this.ms[this.at] / (this.ms[this.ms.length - 1] || 1) * width;
			g.fillStyle = v('--ink');
			g.fillRect(x - 0.5, EDGE, 1, HEIGHT - 2 * EDGE);
		}
	}
}

/* At most forty rows, evenly taken; says how many there are. */
export function timeTable(chart) {
	const n = chart.ms.length, step = Math.max(1, Math.ceil(n / 40)), rows = [];
	for (let i = n - 1; i >= 0; i -= step)
		rows.unshift(i);
	const figure = (v, shown) => el('td', { class: 'n', 'data-v': v }, shown);
	return el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Course as a table' },
		el('table', { id: 't-time' },
			el('caption', {}, `Course: ${count(rows.length)} of ${count(n)} points`),
			el('thead', {}, el('tr', {}, ...['At', 'Live', 'RSS', 'Allocated', 'Freed'].map(t =>
				el('th', { scope: 'col', class: 'n' }, t)))),
			el('tbody', {}, ...rows.map(i => el('tr', {}, figure(chart.ms[i], seconds(chart.ms[i])),
				figure(chart.live[i], chart.about + bytes(chart.live[i])),
				figure(chart.rss[i], chart.rss[i] ? bytes(chart.rss[i]) : '-'),
				figure(chart.alloc[i], chart.about + bytes(chart.alloc[i])),
				figure(chart.freed[i], chart.about + bytes(chart.freed[i])))))));
}
