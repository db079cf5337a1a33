/* SPDX-License-Identifier: MIT */
/* Live bytes and RSS over the recording, and of what is selected: lines, a readout, a table. */
import { bytes, count, seconds } from './units.js';
import { el } from './dom.js';
import { area, draggable } from './strip.js';
import { state, watch } from './store.js';

const HEIGHT = 300;
const EDGE = 20;
/* Round distances of the marks of time, in ms. */
const STEPS = [100, 200, 500, 1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000, 1200000, 3600000, 7200000, 21600000];

export class TimeChart {
	constructor(timeline, snapshots, estimate) {
		this.marks = snapshots.column('ms');
		this.extra = null; /* { ms, values, name } of the selection */
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
			this.legend = el('p', { class: 'legend' }), this.canvas, this.readout);
		draggable(this.canvas, ms => this.read(ms));
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

	read(ms) {
		let i = this.ms.findIndex(v => v >= ms);
		this.show(i < 0 ? this.ms.length - 1 : i);
	}

	show(i) {
		if (i < 0)
			return;
		this.at = i;
		this.readout.textContent = `${seconds(this.ms[i])}: live ${this.about}${bytes(this.live[i])}` +
			(this.rss[i] ? `, resident ${bytes(this.rss[i])}` : '') +
			`, since the point before allocated ${this.about}${bytes(this.alloc[i])}, freed ${this.about}${bytes(this.freed[i])}`;
		this.draw();
	}

	line(g, ms, values, width, top, colour, dash) {
		g.strokeStyle = colour;
		g.lineWidth = 2;
		g.setLineDash(dash);
		g.beginPath();
		let begun = false;
		for (let i = 0; i < values.length; i++) {
			if (values === this.rss && !values[i])
				continue;
			const x = ms[i] / state.end * width, y = HEIGHT - EDGE - values[i] / top * (HEIGHT - 2 * EDGE);
			if (begun)
				g.lineTo(x, y);
			else
				g.moveTo(x, y);
			begun = true;
		}
		g.stroke();
		g.setLineDash([]);
	}

	/* Lines at round heights, their figures, the end of time. */
	axes(g, v, width, top) {
		g.font = '12px ' + getComputedStyle(document.body).fontFamily;
		for (let i = 0; i <= 4; i++) {
			const y = HEIGHT - EDGE - i / 4 * (HEIGHT - 2 * EDGE);
			g.fillStyle = v('--rule');
			g.fillRect(0, Math.round(y), width, 1);
			g.fillStyle = v('--dim');
			if (i)
				g.fillText(bytes(top * i / 4), 2, y - 4);
		}
		const step = STEPS.find(s => state.end / s <= 6) ?? state.end;
		for (let ms = 0; ms <= state.end; ms += step) {
			const words = step % 1000 ? seconds(ms) : ms / 1000 + ' s', wide = g.measureText(words).width;
			g.fillText(words, Math.min(Math.max(ms / state.end * width - wide / 2, 0), width - wide), HEIGHT - 3);
		}
		for (const ms of this.marks) {
			const x = Math.min(ms / state.end * width, width - 1);
			g.fillRect(x, EDGE, 1, HEIGHT - 2 * EDGE);
			g.fillText('snapshot', x > width / 2 ? x - 58 : x + 6, HEIGHT - EDGE - 8);
		}
	}

	top() {
		let top = 1;
		for (let i = 0; i < this.ms.length; i++)
			top = Math.max(top, this.live[i], this.rss[i]);
		const unit = 2 ** Math.floor(Math.log2(top)) / 4;
		return Math.ceil(top / unit) * unit;
	}

	drawLegend() {
		const key = (name, words) => [el('span', { class: 'key ' + name }), words];
		this.legend.replaceChildren(...key('live', 'Python live'), ...this.rss.some(Boolean) ?
			key('rss', 'resident (RSS)') : [], ...this.extra ? key('extra', this.extra.name) : []);
	}

	draw() {
		const width = this.element.clientWidth, ratio = devicePixelRatio || 1;
		if (!width || !this.ms.length)
			return;
		const style = getComputedStyle(this.element), v = n => style.getPropertyValue(n).trim();
		const top = this.top();
		this.canvas.width = width * ratio;
		this.canvas.height = HEIGHT * ratio;
		this.canvas.style.height = HEIGHT + 'px';
		const g = this.canvas.getContext('2d');
		g.scale(ratio, ratio);
		this.axes(g, v, width, top);
		if (state.brush) {
			const [x, to] = state.brush.map(ms => ms / state.end * width);
			g.fillStyle = v('--live');
			g.globalAlpha = 0.12;
			g.fillRect(x, EDGE, to - x, HEIGHT - 2 * EDGE);
		}
		g.save();
		g.translate(0, EDGE);
		g.fillStyle = v('--live');
		g.globalAlpha = 0.16;
		area(g, this.ms, this.live.map(b => b * (HEIGHT - 2 * EDGE) / (HEIGHT - 2 * EDGE - 2)), state.end, width,
			HEIGHT - 2 * EDGE, top);
		g.restore();
		this.line(g, this.ms, this.rss, width, top, v('--rss'), [6, 4]);
		this.line(g, this.ms, this.live, width, top, v('--live'), []);
		if (this.extra)
			this.line(g, this.extra.ms, this.extra.values, width, top, v('--bad'), [2, 3]);
		this.drawLegend();
		if (this.at >= 0) {
			const x = this.ms[this.at] / state.end * width;
			g.fillStyle = v('--ink');
			g.fillRect(x - 0.5, EDGE, 1, HEIGHT - 2 * EDGE);
		}
	}
}

/* At most forty rows of the range, evenly taken; says how many there are. */
function timeRows(chart) {
	const [from, to] = state.brush ?? [0, Infinity], inside = [];
	chart.ms.forEach((ms, i) => ms >= from && ms <= to && inside.push(i));
	const step = Math.max(1, Math.ceil(inside.length / 40)), rows = [];
	for (let i = inside.length - 1; i >= 0; i -= step)
		rows.unshift(inside[i]);
	return { rows, all: inside.length };
}

export function timeTable(chart) {
	const caption = el('caption'), body = el('tbody');
	const figure = (v, shown) => el('td', { class: 'n', 'data-v': v }, shown);
	const fill = () => {
		const { rows, all } = timeRows(chart);
		caption.textContent = `Course: ${count(rows.length)} of ${count(all)} points` +
			(state.brush ? ' in the range' : '');
		body.replaceChildren(...rows.map(i => el('tr', {}, figure(chart.ms[i], seconds(chart.ms[i])),
			figure(chart.live[i], chart.about + bytes(chart.live[i])),
			figure(chart.rss[i], chart.rss[i] ? bytes(chart.rss[i]) : '-'),
			figure(chart.alloc[i], chart.about + bytes(chart.alloc[i])),
			figure(chart.freed[i], chart.about + bytes(chart.freed[i])))));
	};
	fill();
	watch(what => what === 'brush' && fill());
	return el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Course as a table' },
		el('table', { id: 't-time' }, caption, el('thead', {}, el('tr', {}, ...['At', 'Live', 'RSS', 'Allocated',
			'Freed'].map(t => el('th', { scope: 'col', class: 'n' }, t)))), body));
}
