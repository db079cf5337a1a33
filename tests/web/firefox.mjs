/* SPDX-License-Identifier: MIT */
/*
 * W19: the page in Debian's Firefox, driven by its own Marionette protocol (a socket, lengths and
 * JSON), so that nothing else has to be installed.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 60000;

async function dial(port) {
	for (const end = Date.now() + START_MS; Date.now() < end;) {
		try {
			return await new Promise((done, fail) => {
				const s = connect(port, '127.0.0.1', () => done(s));
				s.once('error', fail);
			});
		} catch {
			await new Promise(done => setTimeout(done, 250));
		}
	}
	throw new Error('Firefox does not listen');
}

/* Messages are "LENGTH:JSON"; commands [0, id, name, parameters], answers [1, id, error, result]. */
class Marionette {
	constructor(socket) {
		this.socket = socket;
		this.waiting = new Map();
		this.text = Buffer.alloc(0);
		this.id = 0;
		socket.on('data', d => this.read(d));
	}

	read(data) {
		this.text = Buffer.concat([this.text, data]);
		for (;;) {
			const colon = this.text.indexOf(':');
			const n = Number(this.text.subarray(0, Math.max(colon, 0)));
			if (colon < 0 || this.text.length < colon + 1 + n)
				return;
			const message = JSON.parse(this.text.subarray(colon + 1, colon + 1 + n));
			this.text = this.text.subarray(colon + 1 + n);
			if (Array.isArray(message))
				this.answer(message);
		}
	}

	answer([, id, error, result]) {
		const { done, fail } = this.waiting.get(id) ?? {};
		this.waiting.delete(id);
		if (error)
			fail?.(new Error(error.message));
		else
			done?.(result);
	}

	call(name, parameters = {}) {
		const id = ++this.id, text = JSON.stringify([0, id, name, parameters]);
		return new Promise((done, fail) => {
			this.waiting.set(id, { done, fail });
			this.socket.write(`${Buffer.byteLength(text)}:${text}`);
		});
	}

	async script(script) {
		return (await this.call('WebDriver:ExecuteScript', { script, args: [] })).value;
	}
}

/* act(marionette) with a fresh, headless Firefox. */
export async function withFirefox(program, act) {
	const profile = mkdtempSync(join(tmpdir(), 'pymemprof-firefox-')), port = 20000 + process.pid % 20000;
	writeFileSync(join(profile, 'user.js'), `user_pref("marionette.port", ${port});\n` +
		'user_pref("app.update.enabled", false);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n');
	const child = spawn(program, ['--headless', '--no-remote', '--marionette', '--profile', profile],
		{ stdio: 'ignore', env: { ...process.env, HOME: profile } });
	let socket = null;
	try {
		socket = await dial(port);
		const m = new Marionette(socket);
		await m.call('WebDriver:NewSession', { capabilities: {} });
		return await act(m);
	} finally {
		socket?.destroy();
		child.kill('SIGKILL');
		await new Promise(done => child.exitCode === null && child.signalCode === null ? child.once('exit', done) : done());
		rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
	}
}
