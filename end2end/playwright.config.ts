import { defineConfig } from '@playwright/test';
import { LAUNCH } from './browser.ts';

/** Where a failure leaves its trace and screenshot. */
const RESULTS = 'test-results';

export default defineConfig({
  testDir: 'specs',
  outputDir: RESULTS,
  // One after the other: the tests start real workers, and two cores are all a small machine has.
  workers: 1,
  fullyParallel: false,
  // A test that needs a second try is broken.
  retries: 0,
  forbidOnly: true,
  timeout: 45_000,
  expect: { timeout: 8_000 },
  reporter: [['list']],
  use: {
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: LAUNCH,
    locale: 'en-US',
    timezoneId: 'UTC',
    actionTimeout: 8_000,
  },
  // A finger and a mouse do not do the same things: tests tagged with one device run on it alone.
  projects: [
    {
      name: 'phone',
      grepInvert: /@desktop/,
      use: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 },
    },
    { name: 'desktop', grepInvert: /@phone/, use: { viewport: { width: 1280, height: 800 } } },
  ],
});
