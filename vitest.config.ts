import { defineConfig } from 'vitest/config';

/**
 * Projects: unit (no tools), conformance (instruction probes), golden (committed files), architecture (the house rules),
 * compile (needs nvcc), webgpu (needs Dawn). Test files share a worker's modules: a fifth of the quick suite's CPU time
 * is else spent on loading them anew for each file. So a test undoes what it does to them and to the process.
 */
function project(name: string, include: string[], testTimeout: number) {
  return {
    test: {
      ...{ name, include, testTimeout, hookTimeout: testTimeout },
      environment: 'node' as const,
      isolate: false,
    },
  };
}

export default defineConfig({
  test: {
    // One worker a core; the default leaves a core idle, which on two is half of the machine.
    maxWorkers: '100%',
    projects: [
      project('unit', ['test/{ir,compiler,support}/**/*.test.ts'], 20_000),
      project('conformance', ['test/conformance/**/*.test.ts'], 60_000),
      project('golden', ['test/golden/**/*.test.ts'], 30_000),
      project('architecture', ['test/architecture/**/*.test.ts'], 60_000),
      project('compile', ['test/compile/**/*.test.ts'], 600_000),
      project('webgpu', ['test/webgpu/**/*.test.ts'], 120_000),
    ],
  },
});
