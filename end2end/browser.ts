//! The browser: the distribution's own Chromium, never a downloaded one.

/** A different Chromium, for instance on a distribution that calls it otherwise. */
const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';

/** Chromium's sandbox cannot start as root, which is who runs tests in containers. */
const AS_ROOT = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

/** How tests start Chromium. */
export const LAUNCH = { executablePath: CHROMIUM, args: [...AS_ROOT, ...QUIET] };
