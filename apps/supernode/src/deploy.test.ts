import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROGRAMS } from '@overcall/release';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestNetwork } from './network.test-support.ts';

const DEPLOY = join(import.meta.dirname, '..', '..', '..', 'packages', 'release', 'deploy');
const read = (file: string): string => readFileSync(join(DEPLOY, file), 'utf8');

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}
const dashboard = () => JSON.parse(read('grafana-dashboard.json')) as Dashboard;

/** Metrics in a query: they have a prefix, which labels and functions have not. */
const metricsIn = (query: string): string[] => query.match(/\b(?:overcall|process|nodejs)_\w+/g) ?? [];

describe('dashboard and alert rules', () => {
  let exported: Set<string>;
  let network: TestNetwork;
  beforeAll(async () => {
    network = await TestNetwork.start();
    const { admin } = await network.supernode('one', { admin: '127.0.0.1:0', maxGbMonth: 1 });
    const pages = [`http://${admin}/metrics`, `${network.directory.url}/metrics`];
    const text = (await Promise.all(pages.map(async (url) => (await fetch(url)).text()))).join('\n');
    exported = new Set(
      [...text.matchAll(/^# TYPE (\w+) (\w+)/gm)].flatMap(([, name, type]) =>
        type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name!],
      ),
    );
  });
  afterAll(() => network.close());

  it('name only metrics that supernode and directory have', () => {
    const rules = read('alert-rules.yaml').match(/^ +expr: .*$/gm)!;
    const queries = dashboard().panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(rules.length).toBeGreaterThan(10);
    for (const query of [...rules, ...queries]) {
      for (const name of metricsIn(query)) expect(exported, query).toContain(name);
    }
  });

  it('show and watch both programs, each query with a metric', () => {
    for (const { title, targets } of dashboard().panels) {
      for (const { expr } of targets) expect(metricsIn(expr), title).not.toEqual([]);
    }
    for (const text of [read('alert-rules.yaml'), read('grafana-dashboard.json')]) {
      expect(text).toContain('overcall_supernode_');
      expect(text).toContain('overcall_directory_');
    }
  });

  it('every alert says for how long, how bad, what and what to do', () => {
    const [, ...alerts] = read('alert-rules.yaml').split(/^ {6}- alert: /m);
    for (const alert of alerts) {
      expect(alert).toMatch(
        /^\w+\n {8}expr: '.+'\n {8}for: \d+[mh]\n {8}labels:\n {10}severity: (warning|critical)\n {8}annotations:\n {10}summary: '.+'\n {10}description: '.+'\n$/,
      );
    }
  });
});

describe('Containerfile', () => {
  const lines = read('Containerfile').replaceAll(' \\\n', ' ').split('\n');
  const after = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));

  it('takes what npm run pack makes, and nothing from elsewhere', () => {
    expect(after('ADD')).toEqual([]);
    const [packages, installed, ...more] = after('COPY');
    expect(packages).toMatch(/^\$\{PROGRAM\}-\*\.tgz \/packages\/$/);
    expect([installed, ...more]).toEqual(['--from=install /installed /usr/local']);
    const packed = Object.values(PROGRAMS).map(({ command }) => command);
    for (const [, program] of read('Containerfile').matchAll(/PROGRAM=([\w-]+)/g))
      expect(packed).toContain(program);
    expect(after('FROM').every((image) => image.startsWith('docker.io/library/node:24-'))).toBe(true);
  });

  it('runs as somebody who is not root, with flags that both programs have', () => {
    expect(after('USER')).toEqual(['node']);
    // Ports are those of the configuration: a supernode has the network of its host (docs/operations.md).
    expect(after('EXPOSE')).toEqual([]);
    expect(after('CMD')).toEqual(['["run", "--config", "/config.json", "--data", "/data"]']);
    expect(lines.indexOf('USER node')).toBeGreaterThan(
      lines.findLastIndex((line) => line.startsWith('RUN ')),
    );
  });
});

describe('systemd units', () => {
  const units = readdirSync(DEPLOY).filter((file) => file.endsWith('.service'));
  const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0;
  const needs = hasAnalyze ? '' : ' (needs systemd-analyze: apt install systemd)';

  it.each(units)('keep the service in a box and start it again: %s', (unit) => {
    for (const line of [
      'DynamicUser=yes',
      'ProtectSystem=strict',
      'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
      'NoNewPrivileges=yes',
      'Restart=on-failure',
      'LimitNOFILE=65536',
      `StateDirectory=${unit.replace('.service', '')}`,
    ]) {
      expect(read(unit).split('\n')).toContain(line);
    }
  });

  it.skipIf(!hasAnalyze).each(units)(`systemd finds nothing wrong with it${needs}: %s`, (unit) => {
    const { stdout, stderr, status } = spawnSync(
      'systemd-analyze',
      ['verify', '--man=no', join(DEPLOY, unit)],
      { encoding: 'utf8' },
    );
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
  });
});
