/**
 * The offline page in a real browser: from a disk, with no request, no console message, links that lead somewhere, no
 * sideways scrolling on a phone, and enough contrast in light and dark. Skipped, saying so, where no Chromium is found.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildReports } from '../build.ts';
import { hostileRun, microRun, orderingRun } from '../test/fixture.ts';

const candidates = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
if (executablePath === undefined) console.log('skipped: page tests need a Chromium; set CHROMIUM to its path');

const browserArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/**
 * Runs in the page: the texts whose contrast to what lies behind them is below 4.5 (3 for large ones). Written as text,
 * for this file's types know no browser.
 */
const lowContrast = `(() => {
  const parse = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === '' || element.closest('script,style,title')) continue;
    const style = getComputedStyle(element);
    const inChart = element.closest('svg') !== null;
    const ink = parse(inChart ? style.fill : style.color);
    // text on a bar, badge or cell stands on a colour of the chart: theme.test.ts looks after those
    if (inChart && ['#ffffff', '#fefefe', '#1f2934'].includes(element.getAttribute('fill'))) continue;
    const [a, b] = [luminance(ink), luminance(behind(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    if ((a + 0.05) / (b + 0.05) < (size >= 24 ? 3 : 4.5)) found.push(element.tagName + ': ' + walker.currentNode.data.trim().slice(0, 40) + ' ' + ((a + 0.05) / (b + 0.05)).toFixed(2));
  }
  return [...new Set(found)];
})()`;

describe.skipIf(executablePath === undefined)('the offline page', () => {
  let browser: Browser;
  let outDir: string;
  let url: string;

  beforeAll(async () => {
    outDir = mkdtempSync(join(tmpdir(), 'mqlab-page-'));
    buildReports({ runs: [orderingRun, hostileRun(), microRun], outDir });
    url = pathToFileURL(join(outDir, 'index.html')).href;
    browser = await chromium.launch({ executablePath: executablePath!, headless: true, args: browserArguments });
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(outDir, { recursive: true, force: true });
  });

  async function open(options: { width?: number; colorScheme?: 'light' | 'dark' } = {}) {
    const page: Page = await browser.newPage({
      viewport: { width: options.width ?? 1280, height: 900 },
      colorScheme: options.colorScheme ?? 'light',
    });
    const requests: string[] = [];
    const messages: string[] = [];
    page.on('request', (request) => requests.push(request.url()));
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(String(error)));
    await page.goto(url);
    return { page, requests, messages };
  }

  test('loads nothing, says nothing, runs no payload', async () => {
    const { page, requests, messages } = await open();
    expect(requests.filter((request) => request !== url && !request.startsWith('data:'))).toEqual([]);
    expect(messages).toEqual([]);
    expect(await page.evaluate('window.pwned')).toBeUndefined();
    expect(await page.locator('article script, article img, article a[href^="javascript"]').count()).toBe(0);
    await page.close();
  });

  test('every link inside the page leads to one place, and the contents work', async () => {
    const { page } = await open();
    const lost = await page.evaluate(
      `[...document.querySelectorAll('a[href^="#"]')].map((a) => decodeURIComponent(a.hash.slice(1))).filter((id) => document.getElementById(id) === null)`,
    );
    expect(lost).toEqual([]);
    const doubled = await page.evaluate(
      `[...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, index, all) => all.indexOf(id) !== index)`,
    );
    expect(doubled).toEqual([]);
    await page.click('nav a[href="#bench-micro"]');
    expect(new URL(page.url()).hash).toBe('#bench-micro');
    const top = (await page.locator('#bench-micro').boundingBox())?.y ?? -1;
    expect(top).toBeGreaterThanOrEqual(0);
    expect(top).toBeLessThan(900);
    await page.close();
  });

  test('a phone scrolls down only', async () => {
    const { page } = await open({ width: 390 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(await page.locator('#contents').getAttribute('open')).toBeNull();
    expect(await page.locator('.picture svg').first().isVisible()).toBe(true);
    await page.close();
  });

  test.each(['light', 'dark'] as const)('%s: all text has contrast', async (colorScheme) => {
    const { page } = await open({ colorScheme });
    const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe(colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(18, 23, 29)');
    expect(await page.evaluate(lowContrast)).toEqual([]);
    await page.close();
  });

  test('the button chooses the theme against the system', async () => {
    const { page } = await open({ colorScheme: 'dark' });
    const fill = () => page.evaluate(`getComputedStyle(document.querySelector('.picture svg text')).fill`);
    expect(await fill()).toBe('rgb(230, 234, 240)');
    await page.click('#theme');
    expect(await page.locator('#theme').textContent()).toBe('Theme: light');
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect(await fill()).toBe('rgb(31, 41, 51)');
    await page.click('#theme');
    expect(await fill()).toBe('rgb(230, 234, 240)');
    await page.close();
  });

  test('an SVG file stands alone', async () => {
    const page = await browser.newPage();
    for (const name of [
      'ordering.drain.svg',
      'hostile.drain.svg',
      'hostile.witness-order.svg',
      'ordering.throughput.svg',
    ]) {
      await page.goto(pathToFileURL(join(outDir, 'charts', name)).href);
      expect(await page.evaluate('document.documentElement.tagName'), name).toBe('svg');
      expect(await page.evaluate(`document.querySelector('parsererror') === null`), name).toBe(true);
    }
    await page.close();
  });
});
