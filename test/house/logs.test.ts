import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { clusterEvents } from '../../src/log/cluster-events.ts';
import { commonFields, logFields } from '../../src/log/fields.ts';
import { processEvents } from '../../src/log/process-events.ts';
import type { EventRow } from '../../src/log/row.ts';

/** The log says what its tables say, and its docs and the collector's configuration agree with them. */
const root = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, code: read(join('src', file)) }));

test('lines are written through the tables only', () => {
  const direct = /\b(?:logger|log)\??\.(?:trace|debug|info|warn|error|fatal)\(|\bconsole\.|\bpino\(/;
  const offenders = sources.filter(({ code }) => direct.test(code)).map(({ file }) => file);
  assert.deepEqual(offenders, ['logger.ts']);
});

test('every event of the process is told of somewhere', () => {
  const untold = Object.keys(processEvents).filter(
    (name) => !sources.some(({ code }) => new RegExp(`\\btell\\([^;]*?'${name}'`, 's').test(code)),
  );
  assert.deepEqual(untold, []);
});

test('the alerts that events name have a paragraph in the runbook', () => {
  const runbook = read('docs/runbook.md');
  const rows: readonly EventRow[] = [...Object.values(processEvents), ...Object.values(clusterEvents)];
  for (const { alert } of rows)
    if (alert !== undefined) assert.ok(runbook.includes(`\n### ${alert}\n`), alert);
});

test('fields about persons are those that docs/logs.md tells of', () => {
  const personal = Object.entries(logFields)
    .filter(([, field]) => 'isPersonal' in field)
    .map(([name]) => name);
  assert.deepEqual(personal, ['client.address', 'client.port']);
  assert.match(read('docs/logs.md'), /Personal data: `client\.address` and `client\.port`/);
});

interface Operator {
  readonly type: string;
  readonly from?: string;
  readonly field?: string;
  readonly to?: string;
  readonly timestamp?: { readonly parse_from: string; readonly layout: string; readonly location: string };
  readonly severity?: { readonly parse_from: string };
}

test('the collector finds in each line what it moves, and leaves nothing common behind', () => {
  const config = parse(read('config/opentelemetry/collector.yaml')) as {
    readonly receivers: { readonly filelog: { readonly operators: readonly Operator[] } };
    readonly processors: Readonly<Record<string, unknown>>;
    readonly exporters: Readonly<Record<string, unknown>>;
    readonly service: {
      readonly pipelines: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
    };
  };
  const { operators } = config.receivers.filelog;
  const [parser, ...others] = operators;
  assert.equal(parser?.type, 'json_parser');
  assert.equal(parser.timestamp?.parse_from, 'attributes.time');
  // Its directives (stanza, docs/types/timestamp.md) for what the log writes.
  assert.equal(parser.timestamp.layout, '%Y-%m-%dT%H:%M:%S.%LZ');
  assert.equal(parser.timestamp.location, 'UTC', 'the layout has no zone, and the default is the local one');
  assert.equal(parser.severity?.parse_from, 'attributes.level');
  const taken = others.map(({ from, field }) => attributeOf(from ?? field ?? ''));
  assert.deepEqual(
    [...taken].sort(),
    Object.keys(commonFields)
      .filter((name) => name !== 'event')
      .sort(),
  );
  for (const { type, from, to } of others) {
    if (type !== 'move' || from === 'attributes.message') continue;
    assert.equal(to, from?.replace('attributes', 'resource'));
  }
  for (const { receivers, processors, exporters } of Object.values(config.service.pipelines)) {
    for (const name of receivers ?? []) assert.ok(name in config.receivers, name);
    for (const name of processors ?? []) assert.ok(name in config.processors, name);
    for (const name of exporters ?? []) assert.ok(name in config.exporters, name);
  }
  const clients = JSON.stringify(config.processors['attributes/no-clients']);
  for (const name of Object.keys(logFields).filter((field) => field.startsWith('client.'))) {
    assert.ok(clients.includes(`"${name}"`), name);
  }
});

/** `attributes.time`, or in brackets where the name has dots of its own. */
function attributeOf(field: string): string {
  const name = /^attributes(?:\.(\w+)|\["([\w.]+)"\])$/.exec(field);
  assert(name !== null, field);
  return name[1] ?? name[2] ?? '';
}
