import { defineConfig } from '@playwright/test';
import { LAUNCH } from './browser.ts';

/** Measurements of the browser, run by `make bench`. They print figures and judge nothing. */
export default defineConfig({
  testDir: 'bench',
  testMatch: '*.bench.ts',
  outputDir: 'test-results/bench',
  workers: 1,
  retries: 0,
  timeout: 180_000,
  reporter: [['./bench/figures.ts']],
  use: { launchOptions: LAUNCH, locale: 'en-US', timezoneId: 'UTC', actionTimeout: 20_000 },
  projects: [
    { name: 'phone', use: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 } },
    { name: 'desktop', use: { viewport: { width: 1280, height: 800 } } },
  ],
});
