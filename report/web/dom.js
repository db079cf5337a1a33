/* SPDX-License-Identifier: MIT */
/* Elements from JavaScript. Text is always text: nothing here parses HTML. */
export function el(tag, attributes = {}, ...children) {
	const e = document.createElement(tag);
	for (const [k, v] of Object.entries(attributes)) {
		if (k.startsWith('on'))
			e.addEventListener(k.slice(2), v);
		else if (v !== null && v !== undefined && v !== false)
			e.setAttribute(k, v === true ? '' : v);
	}
	e.append(...children);
	return e;
}

/* vim's hand on the arrow keys. */
export function arrow(key) {
	return { h: 'ArrowLeft', j: 'ArrowDown', k: 'ArrowUp', l: 'ArrowRight' }[key] ?? key;
}

export function say(text) {
	document.getElementById('live').textContent = text;
}

export async function copy(text, what) {
	try {
		await navigator.clipboard.writeText(text);
		say(what + ' copied');
	} catch {
		/* Without permission the text is shown, selected, to be copied by hand. */
		const box = el('textarea', { readonly: true, rows: 8, 'aria-label': what });
		box.value = text;
		const d = el('dialog', { class: 'copy', 'aria-label': what }, box,
			el('button', { onclick: () => d.close() }, 'Close'));
		d.addEventListener('close', () => d.remove());
		document.body.append(d);
		d.showModal();
		box.select();
		say(what + ' shown: copy it from there');
	}
}
