import assert from 'node:assert/strict';
import { type ClusterEventName, clusterEvents } from '../../src/log/cluster-events.ts';
import { commonFields, type FieldName, logFields } from '../../src/log/fields.ts';
import { type ProcessEventName, processEvents } from '../../src/log/process-events.ts';
import { type EventRow, levelsOf } from '../../src/log/row.ts';

export type LogLine = Readonly<Record<string, unknown>> & { readonly event: string };

const ofClusters = ['cluster', 'epoch', 'instance', 'rule', 'seq'] as const;

/** A line as it was written, found to be what docs/logs.md says of its event. */
export function checkedLine(text: string): LogLine {
  assert.doesNotMatch(text, /\n/, 'one line');
  const line = JSON.parse(text) as LogLine;
  const { event, level, time } = line;
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, text);
  for (const field of Object.keys(commonFields))
    assert.equal(typeof line[field], 'string', `${field}: ${text}`);
  // A cluster's events have a number.
  const isOfCluster = 'seq' in line;
  const row: EventRow | undefined = isOfCluster
    ? clusterEvents[event as ClusterEventName]
    : processEvents[event as ProcessEventName];
  assert.ok(row !== undefined, `no such event in the table: ${text}`);
  assert.ok((levelsOf(row) as readonly unknown[]).includes(level), `not at this level: ${text}`);
  checkFields(
    line,
    isOfCluster ? [...ofClusters, ...row.fields] : row.fields,
    [...(row.sometimes ?? []), ...(Object.keys(commonFields) as FieldName[])],
    text,
  );
  return line;
}

/** Of a row's fields each is there, and of its type or null; and there is no other. */
export function checkFields(
  fields: Readonly<Record<string, unknown>>,
  always: readonly FieldName[],
  sometimes: readonly string[],
  text: string,
): void {
  for (const field of always) assert.ok(field in fields, `${field} is missing: ${text}`);
  const known: readonly string[] = [...always, ...sometimes];
  for (const [field, value] of Object.entries(fields)) {
    assert.ok(known.includes(field), `${field} is not in the table: ${text}`);
    if (value === null || !(field in logFields)) continue;
    const { type } = logFields[field as FieldName];
    const actual = Array.isArray(value) ? 'texts' : typeof value === 'string' ? 'text' : typeof value;
    assert.equal(actual, type, `${field}: ${text}`);
  }
}
