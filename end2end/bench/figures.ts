//! Prints what measurements say, and why one could not be taken.

import type { FullResult, Reporter, TestCase, TestResult } from '@playwright/test/reporter';

export default class Figures implements Reporter {
  onStdOut(chunk: string | Buffer): void {
    process.stdout.write(chunk);
  }

  onTestEnd(test: TestCase, result: TestResult): void {
    if (result.status !== 'passed') process.stderr.write(`${test.title}: ${result.error?.stack ?? result.status}\n`);
  }

  onEnd(result: FullResult): void {
    if (result.status !== 'passed') process.stderr.write(`the browser could not be measured: ${result.status}\n`);
  }
}
