/* SPDX-License-Identifier: MIT */
/*
 * The address: #view?m=metric&at=path&from=path&as=rows&shape=steps&t=from-to&s=kind:label&q=text.
 * Paths and labels are names and lines, or hashes of them, so an address finds its way in the
 * page of another run; it never holds a number of this file.
 */
import { METRICS, hashText } from './tree.js';
import { ACT_WORDS, HIDEABLE, shaped } from './shape.js';
import { setBrush, setPick, state } from './store.js';

function flameParts(p) {
	if (state.metric !== 'live')
		p.set('m', state.metric);
	if (state.shape.length)
		p.set('shape', state.shape.map(s => s.act + (s.act === 'up' ? '' :
			'.' + (s.act === 'hide' ? s.frame : hashText(s.act === 'thread' ? s.name : frameLabel(state.whole, s.frame))))).join('-'));
	if (state.selected)
		p.set('at', state.tree.address(state.selected));
	if (state.focus)
		p.set('from', state.tree.address(state.focus));
	if (state.twin)
		p.set('as', 'rows');
}

function frameLabel(tree, frame) {
	return tree.label(tree.frame.indexOf(frame));
}

export function address() {
	const p = new URLSearchParams();
	if (state.view === 'flame' && state.tree)
		flameParts(p);
	if (state.brush)
		p.set('t', state.brush.join('-'));
	if (state.pick)
		p.set('s', state.pick.kind + ':' + (state.pick.kind === 'site' ? hashText(state.pick.label) : state.pick.label));
	if (state.query)
		p.set('q', state.query);
	const tail = p.toString();
	return '#' + state.view + (tail ? '?' + tail : '');
}

/* Frames whose label has this hash: number of the frame, or -1. */
function frameOf(tree, hash) {
	const seen = new Set();
	for (let i = 1; i < tree.n; i++) {
		const f = tree.frame[i];
		if (f > 2 && !seen.has(f)) {
			seen.add(f);
			if (hashText(tree.label(i)) === hash)
				return i;
		}
	}
	return -1;
}

function steps(tree, text) {
	return text ? text.split('-').map(t => {
		const [act, hash] = t.split('.');
		if (act === 'hide')
			return hash in HIDEABLE ? { act, frame: hash, name: hash } : null;
		if (act === 'thread') {
			const i = tree.owners?.names.findIndex(n => hashText(n) === hash) ?? -1;
			return i < 0 ? null : { act, frame: i + 1, name: tree.owners.names[i] };
		}
		const node = act === 'up' ? 0 : frameOf(tree, hash);
		return act in ACT_WORDS && node >= 0 ? { act, frame: node ? tree.frame[node] : 0,
			name: node ? tree.name(node) : '' } : null;
	}).filter(Boolean) : [];
}

/* The flame view's part of an address; false when something of it is not in this file. */
export function seek(p) {
	const wanted = p.get('shape')?.split('-').length ?? 0;
	state.shape = steps(state.whole, p.get('shape'));
	state.tree = shaped(state.whole, state.shape);
	const at = state.tree.find(p.get('at')), from = state.tree.find(p.get('from'));
	state.metric = METRICS.some(([m]) => m === p.get('m') && (m !== 'peak' || state.peaks)) ? p.get('m') : 'live';
	if (state.metric === 'grew' && !state.brush)
		state.metric = 'live';
	state.selected = at.node;
	state.focus = from.node;
	state.twin = p.get('as') === 'rows';
	return at.exact && from.exact && state.shape.length === wanted;
}

/* Range and selection; whole(): the tree, when a site has to be found. False when it is not there. */
export async function shared(p, whole) {
	const t = /^(\d+)-(\d+)$/.exec(p.get('t') ?? ''), s = /^(site|type|holder):(.+)$/s.exec(p.get('s') ?? '');
	const range = t ? [Number(t[1]), Number(t[2])] : null;
	if (String(range) !== String(state.brush))
		setBrush(range);
	if (!s) {
		if (state.pick)
			setPick(null);
		return true;
	}
	if (s[1] !== 'site') {
		if (state.pick?.label !== s[2])
			setPick({ kind: s[1], label: s[2], name: s[2] });
		return true;
	}
	const tree = await whole(), node = frameOf(tree, s[2]);
	if (node < 0)
		return false;
	if (state.pick?.label !== tree.label(node))
		setPick({ kind: 'site', label: tree.label(node), name: `${tree.name(node)} ${tree.where(node, false)}` });
	return true;
}
