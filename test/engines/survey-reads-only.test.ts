import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseDialect } from '../../src/engines/mysql/dialects/choose.ts';
import { parseServerVersion } from '../../src/engines/mysql/server-version.ts';
import {
  heartbeatPeriodsSql,
  mariadbOriginsSql,
  mysqlOriginsSql,
  variablesSql,
} from '../../src/engines/mysql/survey-facts.ts';
import { historyQuery, statusQuery } from '../../src/engines/postgres/status.ts';
import * as queries from '../../src/engines/postgres/survey-queries.ts';

/** The doctor changes nothing: each thing that it asks is a question. */

const asked = (...texts: readonly unknown[]): readonly string[] =>
  texts.flatMap((text) => (typeof text === 'string' ? text.split(';') : [])).map((text) => text.trim());

const dialects = ['8.0.40', '9.7.0', '11.4.2-MariaDB'].flatMap((text) => {
  const version = parseServerVersion(text);
  return version === null ? [] : [chooseDialect(version).statusSql, chooseDialect(version).heartbeatsSql];
});

const all = asked(
  ...Object.values(queries),
  ...[14, 15, 18].flatMap((major) => [queries.rightsQuery(major), queries.slotsQuery(major)]),
  ...[
    statusQuery,
    historyQuery,
    variablesSql,
    mariadbOriginsSql,
    mysqlOriginsSql,
    heartbeatPeriodsSql,
    ...dialects,
  ],
);

/** Functions of PostgreSQL that do something. */
const acts =
  /pg_(?:promote|reload|terminate|cancel|create|drop|switch|wal_replay_(?:pause|resume)|advisory)\w*\s*\(/;

test('a survey only asks', () => {
  assert.ok(all.length > 20);
  for (const text of all) {
    assert.match(text, /^(?:SELECT|WITH|SHOW)\b/, text);
    // Those whose rights are asked for are named in quotes.
    assert.doesNotMatch(text.replaceAll(/'[^']*'/g, ''), acts, text);
  }
});
