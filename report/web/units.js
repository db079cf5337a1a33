/* SPDX-License-Identifier: MIT */
/* Figures written exactly as report/view/units.c writes them. */
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

export function count(n) {
	return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/* Nearest whole number, halves to even, as C prints. */
function even(v) {
	const low = Math.floor(v);
	return v - low === 0.5 ? low + (low & 1) : Math.round(v);
}

function oneDecimal(v) {
	const n = even(v * 10);
	return Math.floor(n / 10) + '.' + n % 10;
}

function scaled(v) {
	let u = 0;
	while (u + 1 < UNITS.length && v >= 999.5) {
		v /= 1024;
		u++;
	}
	return (u > 0 && v < 9.95 ? oneDecimal(v) : count(v)) + ' ' + UNITS[u];
}

export function bytes(n) {
	return n < 1024 ? n + ' B' : scaled(n);
}

export function delta(v) {
	const sign = v >= 0.5 ? '+' : v <= -0.5 ? '-' : '';
	return sign + scaled(sign ? Math.abs(v) : 0);
}

export function rate(v) {
	return delta(v) + '/s';
}

export function percent(part, whole) {
	if (!whole)
		return '-';
	const v = 100 * part / whole;
	if (part === 0)
		return '0';
	if (v < 0.05)
		return '<0.1';
	return v < 9.95 ? oneDecimal(v) : String(even(v));
}

export function seconds(ms) {
	return ms < 10000 ? (ms / 1000).toFixed(2) + ' s' : Math.round(ms / 1000) + ' s';
}
