// Makes the picture of the README: the first page of a demonstration, once its first backups have
// ended. scripts/screenshot.sh calls it.
//
//   node screenshot.mjs CHROMIUM URL USER PASSWORD FILE
import { chromium } from 'playwright-core';

const [program, base, user, password, file] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
const page = await browser.newPage({ viewport: { width: 1160, height: 760 } });
page.setDefaultTimeout(300_000); // the backups take a minute
await page.goto(base);
await page.fill('[name=name]', user);
await page.fill('[name=password]', password);
await page.click('button.main');
await page.waitForSelector('#answer a[href="/?state=failed"]'); // the router has failed
await page.waitForFunction(() => document.querySelectorAll('#list .badge.good').length >= 5 && document.querySelectorAll('#live progress').length === 1);
await page.waitForTimeout(1_000);
await page.screenshot({ path: file });
await browser.close();
