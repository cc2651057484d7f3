// Renders every icon from manifest/icons/icon.svg with the same Chromium the tests use. Run it after changing the
// mark: `npm run icons`. The PNGs are committed, so building Hermes needs no browser.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = await readFile(`${root}manifest/icons/icon.svg`, 'utf8');
const inner = source.replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '');

/** The mark alone: Android draws badges from the shape and ignores colours. */
const monochrome = inner.replace(/<rect id="ground"[^>]*\/>/, '');
/** Maskable icons may lose everything outside a circle of 80 % (W3C manifest, icon masks): the mark shrinks into it. */
const shrunk = inner.replace('id="mark"', 'id="mark" transform="translate(512 512) scale(.84) translate(-512 -512)"');
/** Browser tabs show no mask, so the corners are rounded here. */
const rounded = inner.replace('<rect id="ground"', '<rect id="ground" rx="224"');

const outputs = [
  { file: 'manifest/icons/180.png', size: 180, body: inner },
  { file: 'manifest/icons/192.png', size: 192, body: rounded, clear: true },
  { file: 'manifest/icons/512.png', size: 512, body: rounded, clear: true },
  { file: 'manifest/icons/maskable-512.png', size: 512, body: shrunk },
  { file: 'manifest/icons/mono-96.png', size: 96, body: monochrome, clear: true, box: '112 112 800 800' },
  { file: 'public/favicon-32.png', size: 32, body: rounded, clear: true, ico: 'public/favicon.ico' },
];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ deviceScaleFactor: 1 });
for (const { file, size, body, clear = false, box = '0 0 1024 1024', ico } of outputs) {
  await page.setViewportSize({ width: size, height: size });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${size}" height="${size}">${body}</svg>`;
  await page.setContent(`<!doctype html><style>html,body{margin:0;background:transparent}svg{display:block}</style>${svg}`);
  const png = await page.screenshot({ omitBackground: clear });
  if (ico) await writeFile(root + ico, icoOf(png, size));
  else await writeFile(root + file, png);
  console.log(`${ico ?? file} ${png.length} bytes`);
}
await browser.close();
await writeFile(`${root}public/favicon.svg`, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1024 1024">${rounded}</svg>\n`);

/** An ICO file with one PNG inside, which every browser since 2010 reads. */
function icoOf(png, size) {
  const head = Buffer.alloc(22);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(1, 4);
  head[6] = size;
  head[7] = size;
  head.writeUInt16LE(1, 10);
  head.writeUInt16LE(32, 12);
  head.writeUInt32LE(png.length, 14);
  head.writeUInt32LE(22, 18);
  return Buffer.concat([head, png]);
}
