/* SPDX-License-Identifier: MIT */
/*
 * What all views share: one state, one selection (pick), one range of time (brush), and who
 * wants to know when they change.
 */
export const state = { view: 'summary', metric: 'live', focus: 0, selected: 0, matches: null, twin: false,
	query: '', estimate: false, peaks: true, whole: null, tree: null, shape: [], brush: null, pick: null, end: 0 };

const watchers = [];

export function watch(act) {
	watchers.push(act);
}

/* what: 'brush', 'pick', 'view', 'theme' */
export function changed(what) {
	for (const act of watchers)
		act(what);
}

/* null, or [from, to] in ms, both inside the recording and at least a hundredth of it apart. */
export function setBrush(range) {
	if (range) {
		const least = state.end / 100;
		let [from, to] = range[0] <= range[1] ? range : [range[1], range[0]];
		from = Math.max(0, Math.min(from, state.end - least));
		to = Math.min(state.end, Math.max(to, from + least));
		range = from <= 0 && to >= state.end ? null : [Math.round(from), Math.round(to)];
	}
	state.brush = range;
	if (state.whole) {
		state.whole.figures.range = range;
		state.whole.forget();
		state.tree.forget();
	}
	if (!range && state.metric === 'grew')
		state.metric = 'live';
	changed('brush');
}

/* { kind: 'site' | 'type' | 'holder', name, label } or null. */
export function setPick(pick) {
	state.pick = pick && state.pick?.kind === pick.kind && state.pick.label === pick.label ? null : pick;
	changed('pick');
}
