// SPDX-License-Identifier: MIT
// pprof.mjs FILE …: what pprof-format, which writes profiles for Node.js, reads in each, as JSON.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { createRequire } from 'node:module';

const { Profile } = createRequire(import.meta.url)('pprof-format');

function read(path) {
	const p = Profile.decode(gunzipSync(readFileSync(path)));
	const text = i => p.stringTable.strings[Number(i)];
	const functions = new Map(p.function.map(f => [Number(f.id), text(f.name)]));
	const locations = new Map(p.location.map(l => [Number(l.id), functions.get(Number(l.line[0].functionId))]));
	const sums = Object.fromEntries(p.sampleType.map((t, k) =>
		[text(t.type), p.sample.reduce((sum, s) => sum + Number(s.value[k]), 0)]));
	const unnamed = p.sample.some(s => s.locationId.some(id => !locations.get(Number(id))));
	const types = p.sample.flatMap(s => s.label.filter(l => text(l.key) === 'type').map(l => text(l.str)));
	return { sums, unnamed, types: [...new Set(types)], shown: text(p.defaultSampleType) };
}

console.log(JSON.stringify(process.argv.slice(2).map(read)));
