/* SPDX-License-Identifier: MIT */
/* The views of report.html and diff.html in a folder, as PNG files: see tools/screenshots. */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [,, executablePath, folder, out] = process.argv;
const { chromium } = createRequire(new URL('../tests/web/checks.mjs', import.meta.url))('playwright-core');

/* What is done to a view before its picture is taken. */
const ACTS = {
	async flame(page) {
		await page.waitForSelector('#selected');
		await page.focus('#icicle');
		for (let i = 0; i < 5; i++)
			await page.keyboard.press('ArrowDown');
		await page.evaluate(() => document.activeElement.blur());
	},
	async holders(page) {
		await page.waitForSelector('#holders-icicle');
		await page.focus('#holders-icicle');
		for (let i = 0; i < 2; i++)
			await page.keyboard.press(']');
		await page.evaluate(() => document.activeElement.blur());
	},
};
const BOTH = ['light', 'dark'];
const PICTURES = [['report', 'summary', 930, BOTH], ['report', 'leaks', 960, BOTH], ['report', 'flame', 620, BOTH],
	['report', 'memory', 1000, BOTH], ['report', 'holders', 800, BOTH], ['diff', 'diff', 900, ['light']]];

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
for (const [file, view, height, schemes] of PICTURES)
	for (const colorScheme of schemes) {
		const context = await browser.newContext({ viewport: { width: 1280, height }, colorScheme });
		const page = await context.newPage();
		await page.goto(`file://${join(folder, file)}.html#${view}`);
		await page.waitForSelector('nav a[aria-current]');
		if (await page.getAttribute('nav a[aria-current]', 'data-to') === view) {
			await ACTS[view]?.(page);
			await page.waitForTimeout(300);
			await page.screenshot({ path: join(out, `${view}-${colorScheme}.png`) });
			console.log(`${view}-${colorScheme}.png`);
		} else {
			console.log(`${view}: not in this page`);
		}
		await context.close();
	}
await browser.close();
