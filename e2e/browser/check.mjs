// Looks at each view of the page with a real browser, and prints what is wrong, one line for each
// problem. With SHOTS=DIR it also keeps a picture of each view.
//
//   node check.mjs CHROMIUM URL VIEW…
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [program, base, ...views] = process.argv.slice(2);
const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const settings = [
  { name: 'wide-light', viewport: { width: 1440, height: 900 }, colorScheme: 'light' },
  { name: 'narrow-dark', viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
  { name: 'narrow-light-without-javascript', viewport: { width: 360, height: 740 }, colorScheme: 'light', javaScriptEnabled: false },
];
const problem = (where, text) => console.log(`${where}: ${text}`);

const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
for (const { name, ...setting } of settings) {
  const context = await browser.newContext(setting);
  context.setDefaultTimeout(60_000); // only a broken page or browser takes so long
  const page = await context.newPage();
  let where = name;
  page.on('console', m => problem(where, `the console says ${m.type()}: ${m.text()}`));
  page.on('pageerror', e => problem(where, `a script failed: ${e.message}`));
  page.on('request', r => { if (!r.url().startsWith(base + '/')) problem(where, `asks another host: ${r.url()}`); });
  page.on('response', r => { if (r.status() >= 400) problem(where, `${r.url()} answers ${r.status()}`); });
  for (const view of views) {
    where = `${name} ${view}`;
    await page.goto(base + view);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}${view.replaceAll(/\W+/g, '-')}.png`, fullPage: true });
    await looks(page, where, setting);
    if (setting.javaScriptEnabled === false) continue;
    await drawn(page, where);
    await accessible(page, where);
    if (setting.viewport.width > 1000) await byKeyboard(page, where);
  }
  if (setting.javaScriptEnabled !== false) await live(page, `${name} live`);
  await context.close();
}
await interrupted('interrupted');
await browser.close();

// looks: nothing is wider than the screen.
async function looks(page, where, setting) {
  const box = await page.locator('body').boundingBox();
  const wide = setting.javaScriptEnabled === false ? box.width : await page.evaluate(() => document.documentElement.scrollWidth);
  if (wide > setting.viewport.width) problem(where, `is ${wide} pixels wide`);
}

// drawn: each plot has lines in the colours of the page, and its table has as many rows as it has times.
async function drawn(page, where) {
  const faults = await page.evaluate(() => [...document.querySelectorAll('[data-drawing]')].flatMap(e => {
    const { times, series } = JSON.parse(e.dataset.drawing), canvas = e.querySelector('canvas');
    const name = e.getAttribute('aria-label');
    if (!canvas) return [`${name}: nothing is drawn`];
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data, colours = new Set();
    for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3] === 255) colours.add(pixels.slice(i, i + 3).join());
    const rows = e.parentElement.querySelectorAll('details tbody tr').length;
    return [colours.size > series.length ? '' : `${name}: ${colours.size} colours for ${series.length} lines`, rows === times.length ? '' : `${name}: ${rows} rows for ${times.length} times`].filter(f => f);
  }));
  for (const f of faults) problem(where, f);
}

// accessible: axe finds nothing serious.
async function accessible(page, where) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  for (const v of found.violations) {
    if (v.impact === 'serious' || v.impact === 'critical') problem(where, `axe: ${v.id}, ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html).join(' ')}`);
  }
}

// byKeyboard: the Tab key reaches all that can be used, and shows where it is.
async function byKeyboard(page, where) {
  const all = await page.evaluate(() => [...document.querySelectorAll('a[href], button:not(:disabled), input:not([type=hidden]), select, textarea, summary')].filter(e => e.checkVisibility()).length);
  await page.evaluate(() => { document.activeElement?.blur(); window.getSelection().removeAllRanges(); });
  await page.locator('body').evaluate(e => { e.tabIndex = -1; e.focus(); e.removeAttribute('tabindex'); window.reached = new Set(); });
  for (let i = 0; i < all + 3; i++) {
    await page.keyboard.press('Tab');
    const lost = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return '';
      window.reached.add(e);
      return getComputedStyle(e).outlineStyle === 'none' ? e.outerHTML.slice(0, 120) : '';
    });
    if (lost) problem(where, `no mark shows the focus of ${lost}`);
  }
  const reached = await page.evaluate(() => [...window.reached].filter(e => e.matches('a, button, input, select, textarea, summary')).length);
  if (reached < all) problem(where, `the Tab key reaches ${reached} of ${all}`);
}

// live: a transfer moves while the page is open, and the list is read again.
async function live(page, where) {
  await page.goto(base + '/');
  await page.locator('#list').evaluate(e => { e.prepend('an old list'); });
  try {
    await moves(page);
    await page.waitForFunction(() => !document.querySelector('#list').textContent.includes('an old list'));
  } catch {
    problem(where, 'the bar of the transfer or the list of devices stays as it is');
  }
}

// moves waits until the bar of the transfer has moved: events arrive.
async function moves(page) {
  const before = await page.locator('#live progress').first().getAttribute('value');
  await page.waitForFunction(was => document.querySelector('#live progress').getAttribute('value') !== was, before, { timeout: 60_000 });
}

// interrupted: a page without its stream of events says that it may be old, and reads again afterwards. At
// the end of the session it loads the whole page. Its scripts come late, one after the other.
async function interrupted(where) {
  const page = await browser.newPage(); // its console has the errors
  page.setDefaultTimeout(60_000);
  const events = '**/api/v1/events*', interrupt = () => page.evaluate(() => fetch('/interrupt', { method: 'POST' }));
  await page.route('**/hx-*.js', async r => { await new Promise(later => setTimeout(later, 200)); await r.continue(); });
  await page.goto(base + '/');
  try {
    await moves(page); // so it is connected
    await page.route(events, r => r.abort());
    await interrupt();
    await page.locator('#old').waitFor();
    const list = page.waitForResponse(r => new URL(r.url()).pathname === '/');
    await page.unroute(events);
    await page.locator('#old').waitFor({ state: 'hidden' });
    await list;
    await page.route(events, r => r.fulfill({ status: 401 }));
    const loaded = page.waitForNavigation();
    await interrupt();
    await loaded;
  } catch (e) {
    problem(where, e.message);
  }
  await page.close();
}
