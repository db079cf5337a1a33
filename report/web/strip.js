/* SPDX-License-Identifier: MIT */
/*
 * The range of time, under the names of the views: drag over the curve, or the arrow keys. What
 * it means: live bytes are those at its end, growth is the change within it.
 */
import { seconds } from './units.js';
import { el, say } from './dom.js';
import { setBrush, state, watch } from './store.js';

const STRIP_HEIGHT = 34;

/* The curve of a strip or a chart: area of live bytes from zero to top. */
export function area(g, ms, values, end, width, height, top) {
	g.beginPath();
	g.moveTo(0, height);
	for (let i = 0; i < values.length; i++)
		g.lineTo(ms[i] / end * width, height - values[i] / top * (height - 2));
	g.lineTo(ms[values.length - 1] / end * width, height);
	g.closePath();
	g.fill();
}

/* Dragging over an element sets the range; act(ms) for a plain move. */
export function draggable(canvas, act) {
	let from = null;
	const at = e => {
		const box = canvas.getBoundingClientRect();
		return Math.max(0, Math.min(1, (e.clientX - box.left) / box.width)) * state.end;
	};
	canvas.addEventListener('pointerdown', e => {
		from = e.button === 0 ? at(e) : null;
		canvas.setPointerCapture(e.pointerId);
	});
	canvas.addEventListener('pointermove', e => {
		const to = at(e);
		if (from !== null && Math.abs(to - from) > state.end / 200)
			setBrush([from, to]);
		else
			act?.(to);
	});
	canvas.addEventListener('pointerup', e => {
		if (from !== null && Math.abs(at(e) - from) <= state.end / 200)
			setBrush(null);
		from = null;
	});
}

export class Strip {
	constructor(timeline, snapshots) {
		this.ms = timeline.column('ms');
		this.live = timeline.column('live');
		this.marks = snapshots.column('ms');
		this.canvas = el('canvas', { id: 'brush', tabindex: 0, role: 'slider', 'aria-label':
			'Range of time. Arrow keys move it, Shift and arrow keys change its end, Escape takes it away',
			'aria-valuemin': 0, 'aria-valuemax': state.end, 'aria-valuenow': state.end });
		this.readout = el('output', { for: 'brush', class: 'note' });
		this.element = el('div', { class: 'strip' }, this.canvas, this.readout);
		draggable(this.canvas);
		this.canvas.addEventListener('keydown', e => this.key(e));
		new ResizeObserver(() => this.draw()).observe(this.element);
		watch(what => ['brush', 'theme'].includes(what) && this.draw());
	}

	key(e) {
		const sign = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
		if (!sign || e.ctrlKey || e.metaKey || e.altKey)
			return;
		e.preventDefault();
		const by = sign * state.end / 50, [from, to] = state.brush ?? [0, state.end];
		const wide = to - from;
		if (!state.brush)
			setBrush(sign > 0 ? [by, to] : [from, to + by]);
		else if (e.shiftKey)
			setBrush([from, Math.max(to + by, from + state.end / 50)]);
		else
			setBrush([Math.max(0, Math.min(from + by, state.end - wide)),
				Math.min(state.end, Math.max(to + by, wide))]);
		say(this.words());
	}

	words() {
		return state.brush ? `${seconds(state.brush[0])} to ${seconds(state.brush[1])}` :
			`0 to ${seconds(state.end)}`;
	}

	draw() {
		const width = this.canvas.clientWidth, ratio = devicePixelRatio || 1;
		this.readout.textContent = this.words();
		this.canvas.setAttribute('aria-valuetext', this.words());
		this.canvas.setAttribute('aria-valuenow', state.brush ? state.brush[1] : state.end);
		if (!width)
			return;
		this.canvas.width = width * ratio;
		this.canvas.height = STRIP_HEIGHT * ratio;
		const g = this.canvas.getContext('2d'), style = getComputedStyle(this.element);
		const v = n => style.getPropertyValue(n).trim();
		g.scale(ratio, ratio);
		const top = this.live.reduce((a, b) => Math.max(a, b), 1);
		g.fillStyle = v('--live');
		g.globalAlpha = state.brush ? 0.25 : 0.55;
		area(g, this.ms, this.live, state.end, width, STRIP_HEIGHT, top);
		if (state.brush) {
			const [x, to] = state.brush.map(t => t / state.end * width);
			g.save();
			g.beginPath();
			g.rect(x, 0, to - x, STRIP_HEIGHT);
			g.clip();
			g.globalAlpha = 0.9;
			area(g, this.ms, this.live, state.end, width, STRIP_HEIGHT, top);
			g.restore();
			g.globalAlpha = 1;
			g.strokeStyle = v('--ink');
			g.lineWidth = 2;
			g.strokeRect(x + 1, 1, to - x - 2, STRIP_HEIGHT - 2);
		}
		g.globalAlpha = 1;
		g.fillStyle = v('--dim');
		for (const ms of this.marks)
			g.fillRect(Math.min(ms / state.end * width, width - 2), 0, 2, 8);
	}
}
