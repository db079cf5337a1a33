// SPDX-License-Identifier: MIT
// validate.mjs SCHEMA FILE …: status 1 and reasons when one is not valid. Drafts 4, 7, 2020-12.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

function compiled(schema) {
	const draft = schema.$schema ?? '';
	if (draft.includes('2020-12')) {
		const Ajv = require('ajv/dist/2020').default;
		return new Ajv({ allErrors: true, strict: false }).compile(schema);
	}
	if (draft.includes('draft-04')) {
		// the SARIF package brings a validator old enough for its schema
		const inside = createRequire(require.resolve('@microsoft/jest-sarif/package.json'));
		const Ajv = inside('ajv');
		const ajv = new Ajv({ allErrors: true, schemaId: 'auto', meta: false, unknownFormats: 'ignore' });
		ajv.addMetaSchema(inside('ajv/lib/refs/json-schema-draft-04.json'));
		return ajv.compile(schema);
	}
	const Ajv = require('ajv').default;
	const ajv = new Ajv({ allErrors: true, strict: false });
	require('ajv-formats').default(ajv);
	return ajv.compile(schema);
}

const [schemaPath, ...files] = process.argv.slice(2);
const valid = compiled(JSON.parse(readFileSync(schemaPath)));
let failed = 0;
for (const file of files) {
	const ok = valid(JSON.parse(readFileSync(file)));
	failed += ok ? 0 : 1;
	if (!ok)
		for (const e of valid.errors.slice(0, 5))
			console.log(`# ${file}: ${e.instancePath ?? e.dataPath} ${e.message}`);
}
process.exit(failed ? 1 : 0);
