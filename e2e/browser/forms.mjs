// Uses every form of the page as a person does, and prints what does not work. The service is a
// real one, with two simulated switches for each pass: one, and a slow one whose copy lasts longer than this.
//
//   node forms.mjs CHROMIUM PASS…
//
// A pass is JSON: name begins the names of all that it makes; base is the URL of the page; scripts says whether
// the browser runs scripts; address and slow are the switches; forget is a URL that has the first one lose its file
// vlan.dat. $LOGIN and $ENABLE are the passwords of the switches.
import { chromium } from 'playwright-core';

const [program, ...passes] = process.argv.slice(2);
const secrets = [process.env.LOGIN, process.env.ENABLE];
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
await Promise.all(passes.map(text => useForms(JSON.parse(text))));
await browser.close();

async function useForms({ name, base, scripts, address, slow, forget }) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled: scripts });
  context.setDefaultTimeout(60_000); // only a broken page or browser takes so long
  const page = await context.newPage();
  let step = 'the login';
  // A form with a mistake gets 400: the browser reports that as an error.
  page.on('console', m => m.text().includes('status of 400') || console.log(`${name} ${step}: the console says ${m.type()}: ${m.text()}`));
  page.on('pageerror', e => console.log(`${name} ${step}: a script failed: ${e.message}`));

  page.on('response', async r => {
    if (r.status() >= 300 || !(r.headers()['content-type'] ?? '').startsWith('text/html')) return;
    const text = await r.text().catch(() => '');
    for (const s of secrets) if (text.includes(s)) console.log(`${name} ${step}: ${r.url()} shows a password`);
  });

  // shows waits for a text. Without scripts, a page stays as it is: it is read again.
  const shows = async text => {
    const place = page.getByText(text).filter({ visible: true });
    if (scripts) return place.first().waitFor();
    for (const end = Date.now() + 60_000; !(await place.count());) {
      if (Date.now() > end) throw new Error(`no ${text} in ${(await page.locator('main').innerText()).slice(0, 600)}`);
      await new Promise(later => setTimeout(later, 150));
      await page.reload();
    }
  };
  const click = text => page.getByRole('button', { name: text, exact: true }).first().click();
  const follow = text => page.getByRole('link', { name: text }).first().click();
  const fill = (field, text) => page.locator(`main [name="${field}"]`).first().fill(text);
  const go = path => page.goto(base + path);

  const switchName = `${name}-sw1`, slowName = `${name}-slow`, login = `${name}-login`;
  const steps = {
    'the login': async () => {
      await go('/jobs');
      await fill('name', 'anna');
      await fill('password', 'long enough');
      await click('Log in');
      await page.waitForURL('**/jobs');
    },
    'add a credential': async () => {
      await go('/settings');
      await follow('Add a credential');
      await fill('name', login);
      await fill('username', 'backup');
      await fill('password', 'wrong at first');
      await fill('enable_password', process.env.ENABLE);
      await click('Add');
      await shows('The credential is saved');
      await click('Test');
      await shows('The secrets are found');
    },
    'add devices': async () => {
      for (const [device, at] of [[switchName, address], [slowName, slow]]) {
        await go('/');
        await follow('Add a device');
        await fill('name', device);
        await fill('address', at);
        await page.selectOption('[name=credential]', login);
        await page.check('[name=legacy_crypto]');
        await click('Add');
        await shows('The device is in the inventory');
      }
    },
    'change and test a credential': async () => {
      await go(`/credentials/${login}`);
      await fill('device', switchName);
      await click('Test');
      await shows('The test failed');
      await fill('password', process.env.LOGIN);
      await click('Save');
      await shows('The credential is saved');
      await fill('device', switchName);
      await click('Test');
      await shows('takes this login');
    },
    'change a device': async () => {
      await go(`/devices/${switchName}`);
      await follow('Change');
      await fill('site', `${name}-hq`);
      await click('Save');
      await shows('The settings are saved');
      await shows(`${name}-hq`);
    },
    'doctor': async () => {
      await go(`/devices/${switchName}`);
      await click('Doctor');
      await shows('What was examined');
      await go('/jobs');
      await click('Examine this host');
      await shows('What was examined');
    },
    'back up': async () => {
      await go(`/devices/${switchName}`);
      await click('Back up now');
      await shows('The backup is in the queue');
      await go(`/jobs?device=${switchName}`);
      await follow(`backup ${switchName}`);
      await shows('✓ ok');
      await follow('the backup');
      await shows('MD5 of the device');
    },
    'import a list': async () => {
      await go('/import');
      const list = `name,address,credential,site\n${name}-new,192.0.2.77,${login},${name}-ber\n`;
      if (scripts) await page.setInputFiles('[name=file]', { name: 'list.csv', mimeType: 'text/csv', buffer: Buffer.from(list) });
      else await fill('list', list);
      await click('Show what would change');
      await shows('+ added');
      await click('Import this list');
      await shows('The list is imported');
      await shows(`${name}-ber`);
    },
    'restore': async () => {
      await fetch(forget, { method: 'POST' });
      await go(`/devices/${switchName}`);
      await follow('Restore');
      await page.locator('[name=file][value$="vlan.dat"]').check();
      await click('Make the plan');
      await shows('What is typed on the device');
      await fill('consent', 'another');
      await click('Restore');
      await shows('nothing was changed');
      await page.goBack();
      await fill('consent', switchName);
      await click('Restore');
      await shows('On the device now, and proved');
      await shows('vlan.dat');
    },
    'cancel and try again': async () => {
      await go(`/devices/${slowName}`);
      await click('Back up now');
      await go(`/jobs?device=${slowName}`);
      await follow(`backup ${slowName}`);
      await shows('▸ running');
      await click('Cancel');
      await shows('· cancelled');
      await click('Try again');
      await shows('▸ running');
      await click('Cancel');
      await shows('· cancelled');
    },
    'offer and receive': async () => {
      await go('/images');
      await follow('Offer');
      await fill('to', switchName);
      await fill('name', `${name}.bin`);
      await click('Offer');
      await shows(`may fetch ${name}.bin`);
      await page.locator('main section', { hasText: `may fetch ${name}.bin` }).getByRole('button', { name: 'End' }).click();
      await shows('It has ended');
      await page.locator('form[action="/receptions"] [name=from]').fill(switchName);
      await page.locator('form[action="/receptions"] [name=name]').fill(`${name}.cfg`);
      await click('Receive');
      await shows(`may send ${name}.cfg`);
      await page.locator('main section', { hasText: `may send ${name}.cfg` }).getByRole('button', { name: 'End' }).click();
      await shows('It has ended');
    },
    'remove a credential': async () => {
      await go('/add-credential');
      await fill('name', `${name}-old`);
      await fill('password', 'for nobody');
      await click('Add');
      await click('Remove this credential');
      await shows('The credential is removed');
    },
    'log out': async () => {
      await click('Log out');
      await page.waitForURL('**/login');
      await go('/settings');
      await page.waitForURL('**/login?to=%2Fsettings');
    },
  };
  try {
    for (step of Object.keys(steps)) await steps[step]();
  } catch (e) {
    console.log(`${name} ${step}: ${e.message}\n${await page.locator('body').innerText().catch(() => '')}`);
  }
  await context.close();
}
